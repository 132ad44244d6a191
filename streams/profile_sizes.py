"""How many bytes stored profiles take, field by field: where memory and changelog go."""

from array import array
from collections.abc import Iterable

from msgspec import Struct

from schemas.codec import encode_profile, field_sizes
from schemas.profiles import Profile

TOTAL = "all"


class FieldSize(Struct, frozen=True):
    """Bytes of one field over all profiles; quantiles by nearest rank. The field `all` is a whole profile."""

    field: str
    mean: float
    p50: int
    p99: int
    total: int


class SizeReport(Struct, frozen=True):
    """The largest field first, `all` last; empty without profiles."""

    profiles: int
    fields: tuple[FieldSize, ...]


def measure(profiles: Iterable[Profile]) -> SizeReport:
    """Return the sizes of profiles as they are stored; 4 bytes are kept per profile and field."""
    columns = {name: array("I") for name in (*Profile.__struct_fields__, TOTAL)}
    for profile in profiles:
        for name, size in field_sizes(profile).items():
            columns[name].append(size)
        columns[TOTAL].append(len(encode_profile(profile)))
    whole = columns.pop(TOTAL)
    if not whole:
        return SizeReport(0, ())
    fields = sorted((_size(name, sizes) for name, sizes in columns.items()), key=_largest_first)
    return SizeReport(len(whole), (*fields, _size(TOTAL, whole)))


def sizes_page(report: SizeReport) -> str:
    """Return plain text, a line per field.

    >>> print(sizes_page(SizeReport(2, (FieldSize("all", 30.5, 28, 33, 61),))), end="")
    2 stored profiles, bytes
    field            mean      p50      p99          total
    all              30.5       28       33             61
    """
    noun = "profile" if report.profiles == 1 else "profiles"
    lines = [f"{report.profiles:,} stored {noun}, bytes"]
    if report.fields:
        lines.append(f"{'field':<12} {'mean':>8} {'p50':>8} {'p99':>8} {'total':>14}")
    lines += [
        f"{size.field:<12} {size.mean:>8,.1f} {size.p50:>8,} {size.p99:>8,} {size.total:>14,}"
        for size in report.fields
    ]
    return "\n".join(lines) + "\n"


def _size(name: str, sizes: "array[int]") -> FieldSize:
    ranked, total = sorted(sizes), sum(sizes)
    return FieldSize(name, total / len(ranked), _at(ranked, 50), _at(ranked, 99), total)


def _at(ranked: list[int], percent: int) -> int:
    """Return the smallest value that so many percent of all do not exceed."""
    return ranked[-(-len(ranked) * percent // 100) - 1]


def _largest_first(size: FieldSize) -> tuple[int, str]:
    return -size.total, size.field
