"""How often at most: caps per campaign and the cool-down over all of them, in exact rolling windows.

A window of length `per` at time `now` holds the offers with now - per < at <= now, so exactly `per`
later the next one is allowed (ruling 56). Ghost offers count like sent ones.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from schemas.campaigns import Cap
from schemas.decisions import Check
from schemas.durations import duration_ms, duration_words
from schemas.ids import EventTime
from schemas.profiles import OfferMade
from schemas.timestamps import iso_utc

#: Offers kept per campaign whatever its caps say now, for the day they are tightened.
KEPT_MIN = 8


class Window(Struct, frozen=True):
    """At most `at_most` offers in `per_ms`; `free` is the answer for a shopper without offers."""

    at_most: int
    per_ms: int
    words: str
    free: Check


def window_of(cap: Cap) -> Window:
    """Compile a cap."""
    words = duration_words(cap.per)
    return Window(cap.at_most, duration_ms(cap.per), words, _check(0, cap.at_most, words, None))


def check_cap(window: Window, offers: Iterable[OfferMade], now: EventTime) -> Check:
    """Return whether one more offer fits into the window, counted over this campaign's offers."""
    times = _inside(window, offers, now)
    if not times:
        return window.free
    return _check(len(times), window.at_most, window.words, _free_at(window, times))


def until_all_pass(
    failed: Check, windows: Iterable[Window], offers: Sequence[OfferMade], now: EventTime
) -> Check:
    """Return the check of the first cap that stops with the time from which none of them does."""
    free = [_free_at(window, _inside(window, offers, now)) for window in windows]
    return replace(failed, flip=_at_or_later(max(at for at in free if at is not None)))


def check_cool_down(
    cool_down_ms: int, words: str, offers: Iterable[Iterable[OfferMade]], now: EventTime
) -> Check:
    """Return whether the newest offer of any campaign is long enough ago."""
    newest = max((o.at for made in offers for o in made if now - cool_down_ms < o.at <= now), default=None)
    if newest is None:
        return Check("cool_down", f"no offer of any campaign in the last {words}", True, "1 offer")
    sentence = f"the last offer of any campaign was at {iso_utc(newest)}, {words} without one needed"
    return Check("cool_down", sentence, False, _at_or_later(newest + cool_down_ms))


def still_counting(
    offers: list[OfferMade], keep_ms: int, keep_count: int, out_max: int, now: EventTime
) -> list[OfferMade]:
    """Return the offers that are still needed, none of them older than `keep_ms`.

    Windows need the newest `keep_count`; of those before, up to `out_max` that may have to be taken back.
    """
    inside = [offer for offer in offers if offer.at > now - keep_ms]
    if len(inside) <= keep_count:
        return inside
    out = [offer for offer in inside[:-keep_count] if offer.is_out(now)]
    return [*out[-out_max:], *inside[-keep_count:]]


def _inside(window: Window, offers: Iterable[OfferMade], now: EventTime) -> list[EventTime]:
    return sorted(offer.at for offer in offers if now - window.per_ms < offer.at <= now)


def _free_at(window: Window, times: Sequence[EventTime]) -> int | None:
    """Return when one more fits, that is, when only at_most - 1 are left in the window; None: it fits now."""
    count = len(times)
    return times[count - window.at_most] + window.per_ms if count >= window.at_most else None


def _at_or_later(at: int) -> str:
    return f"the same event at {iso_utc(at)} or later"


def _check(count: int, at_most: int, words: str, again: int | None) -> Check:
    offers = "1 offer" if count == 1 else f"{count} offers"
    sentence = f"{offers} of this campaign in the last {words}, at most {at_most} allowed"
    if again is not None:
        return Check("cap", sentence, False, _at_or_later(again))
    more = at_most - count
    return Check("cap", sentence, True, f"{more} more {'offer' if more == 1 else 'offers'}")
