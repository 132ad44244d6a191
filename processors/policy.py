"""What a shop may set about profiles: bounds, half-life, windows. Units: milliseconds and entries."""

from msgspec import Struct

from schemas.ids import MS_PER_DAY


class ProfilePolicy(Struct, frozen=True):
    """Defaults are those of design 4."""

    half_life_ms: float = 14.0 * MS_PER_DAY
    tags_max: int = 64
    days_max: int = 35
    recent_max: int = 50
    cart_log_max: int = 32
    orders_log_max: int = 64
    seen_max: int = 128
    session_gap_ms: int = 30 * 60_000
    cart_age_ms: int = 30 * MS_PER_DAY
    pending_max: int = 32
    offers_out_max: int = 64
    cart_abandoned_ms: int = 60 * 60_000
    session_ended_ms: int = 30 * 60_000
    without_visit_ms: int = 30 * MS_PER_DAY
    anniversary_ms: int = 365 * MS_PER_DAY
