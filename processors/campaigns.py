"""A campaign file, compiled once: closures instead of conditions, milliseconds instead of texts."""

from collections.abc import Mapping

from msgspec import Struct

from processors.caps import KEPT_MIN, Window, window_of
from processors.comparisons import Comparison, Test
from processors.conditions import Shared, compile_condition
from processors.hold_out import HoldOut
from processors.policy import ProfilePolicy
from processors.quiet_hours import Quiet, minutes_of
from schemas.campaign_file import digest_of
from schemas.campaigns import Campaign, CampaignFile, Condition, Offer, Shop
from schemas.durations import duration_ms, duration_words, shortest
from schemas.errors import CampaignError
from schemas.events import Purpose, TimerName
from schemas.ids import MS_PER_DAY, CampaignId
from schemas.money import digits_of
from schemas.timestamps import parse_time

_FOR_EVER = 1 << 62


class Ready(Struct, frozen=True):
    """One campaign, ready to decide. Times in ms; live from `live_from` until before `live_to`.

    `place` is its place in the file; `when` the condition that `test` was made from. Offers are remembered for `keep_ms`, at most `keep_count` of them.
    """

    id: CampaignId
    place: int
    live_from: int
    live_to: int
    test: Test
    comparisons: tuple[Comparison, ...]
    offer: Offer
    valid_ms: int
    reach_ms: int
    reach_words: str
    priority: int
    caps: tuple[Window, ...]
    hold_out: HoldOut
    channels: tuple[str, ...]
    purpose: Purpose
    keep_ms: int
    keep_count: int
    when: Condition | None
    is_paused: bool = False


class Campaigns(Struct, frozen=True):
    """All campaigns of a file and what holds for all of them. `digest` names the file's meaning.

    `minor_per_unit`: how many minor units of `currency` make one. `by_trigger` has them by event name, in the order
    of the file; one with `after` stands under a name of its own, and `delays` has (ms, that name) by the name of the
    event. `timers`: which of them anybody waits for. `cool_down_ms` 0: none.
    """

    digest: str
    by_trigger: Mapping[str, tuple[Ready, ...]]
    by_id: Mapping[str, Ready]
    delays: Mapping[str, tuple[tuple[int, str], ...]]
    timers: tuple[TimerName, ...]
    policy: ProfilePolicy
    currency: str
    currency_digits: int
    minor_per_unit: int
    time_zone: str
    quiet: Quiet | None
    cool_down_ms: int
    cool_down_words: str
    prior_propensity: float
    stale_after_ms: int
    keep_ms: int


def compile_campaigns(
    file: CampaignFile,
    policy: ProfilePolicy,
    base_currency: str,
    prior_propensity: float = 0.05,
    stale_after_ms: int = 3_600_000,
) -> Campaigns:
    """Compile a file that `load_campaigns` returned; raise `CampaignError` where it contradicts the settings."""
    shop, currency = file.shop, base_currency.upper()
    if shop.currency is not None and shop.currency.upper() != currency:
        raise CampaignError(
            "shop.currency",
            f"is {shop.currency}, but the settings say {currency}",
            "set shop.currency alike in both",
        )
    shared: Shared = {}
    ready = [
        _compile(campaign, place, shop, currency, policy, shared)
        for place, campaign in enumerate(file.campaigns)
    ]
    by_trigger: dict[str, list[Ready]] = {}
    delays: dict[str, dict[int, str]] = {}
    for campaign, compiled in zip(file.campaigns, ready, strict=True):
        for trigger in campaign.triggers:
            name = trigger
            if campaign.after is not None:
                after_ms = duration_ms(campaign.after)
                name = delays.setdefault(trigger, {})[after_ms] = f"{trigger} after {shortest(after_ms)}"
            by_trigger.setdefault(name, []).append(compiled)
    return Campaigns(
        digest=digest_of(file),
        by_trigger={trigger: tuple(campaigns) for trigger, campaigns in by_trigger.items()},
        by_id={compiled.id: compiled for compiled in ready},
        delays={trigger: tuple(sorted(names.items())) for trigger, names in delays.items()},
        timers=tuple(timer for timer in TimerName if timer in by_trigger or timer in delays),
        policy=policy,
        currency=currency,
        currency_digits=digits_of(currency),
        minor_per_unit=10 ** digits_of(currency),
        time_zone=shop.time_zone,
        quiet=Quiet(minutes_of(shop.quiet_hours.from_), minutes_of(shop.quiet_hours.to))
        if shop.quiet_hours
        else None,
        cool_down_ms=duration_ms(shop.cool_down) if shop.cool_down else 0,
        cool_down_words=duration_words(shop.cool_down) if shop.cool_down else "",
        prior_propensity=round(prior_propensity, 6),  # as records keep it
        stale_after_ms=stale_after_ms,
        keep_ms=max((compiled.keep_ms for compiled in ready), default=0),
    )


def _compile(
    campaign: Campaign, place: int, shop: Shop, currency: str, policy: ProfilePolicy, shared: Shared
) -> Ready:
    test: Test = _always
    comparisons: tuple[Comparison, ...] = ()
    if campaign.when is not None:
        _check_windows(campaign.when, f"campaigns[{place}].when", policy)
        compiled = compile_condition(campaign.when, currency, policy, shared=shared)
        test, comparisons = compiled.test, compiled.comparisons
    caps = tuple(window_of(cap) for cap in campaign.caps)
    cool_down_ms = duration_ms(shop.cool_down) if shop.cool_down else 0
    valid_ms = duration_ms(campaign.valid_for)
    return Ready(
        id=CampaignId(campaign.id),
        place=place,
        live_from=_time(campaign.live.from_, 0),
        live_to=0 if campaign.paused else _time(campaign.live.to, _FOR_EVER),
        test=test,
        comparisons=comparisons,
        offer=campaign.offers[0],
        valid_ms=valid_ms,
        reach_ms=duration_ms(campaign.reach_within),
        reach_words=duration_words(campaign.reach_within),
        priority=campaign.priority,
        caps=caps,
        hold_out=HoldOut(shop.salt, shop.hold_out, campaign.hold_out),
        channels=campaign.channels,
        purpose=campaign.purpose,
        keep_ms=max([valid_ms, cool_down_ms, *(cap.per_ms for cap in caps)]),
        keep_count=max([KEPT_MIN, *(cap.at_most for cap in caps)]),
        when=campaign.when,
        is_paused=campaign.paused,
    )


def _check_windows(condition: Condition, path: str, policy: ProfilePolicy) -> None:
    within = condition.within
    if within is not None and within.endswith("d") and duration_ms(within) > policy.days_max * MS_PER_DAY:
        raise CampaignError(
            f"{path}.within",
            f"`{within}` is longer than profiles remember",
            f"write 1d to {policy.days_max}d",
        )
    if condition.not_ is not None:
        _check_windows(condition.not_, f"{path}.not", policy)
    for name, parts in (("all", condition.all), ("any", condition.any)):
        for index, part in enumerate(parts or ()):
            _check_windows(part, f"{path}.{name}[{index}]", policy)


def _time(text: str | None, default: int) -> int:
    at = None if text is None else parse_time(text)
    return default if at is None else at


def _always(facts: object) -> bool:
    return True
