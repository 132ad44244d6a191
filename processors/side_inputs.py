"""What a decision needs besides a profile and campaigns."""

from collections.abc import Mapping

from msgspec import Struct, field

from schemas.catalog import NO_CATALOG, Catalog

Scores = Mapping[str, float]
NO_SCORES: Scores = {}


class SideInputs(Struct, frozen=True):
    """`lag_ms`: wall clock behind broker time, 0 in replay. `default_profiling`: for shoppers who never said."""

    lag_ms: int = 0
    catalog: Catalog = NO_CATALOG
    model_versions: dict[str, str] = field(default_factory=dict)
    default_profiling: bool = True
