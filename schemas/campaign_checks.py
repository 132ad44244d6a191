"""What the types of a campaign file cannot say: names, ranges and combinations, each with its path."""

import string
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from schemas import durations
from schemas.campaigns import (
    COUNTERS,
    RFM_SEGMENTS,
    Campaign,
    CampaignFile,
    Condition,
    Coupon,
    CouponKind,
    FeatureName,
    Number,
    Offer,
    Op,
    Shop,
)
from schemas.errors import CampaignError
from schemas.events import EventName, TimerName
from schemas.timestamps import parse_time

PLACEHOLDERS = ("first_product", "discount", "expires", "name")
_DAYS_MAX = 35
_HOURS_MAX_MS = 24 * 3_600_000
_AFTER_DAYS_MAX = 365
_TRIGGERS = [
    *(name.value for name in EventName if name not in (EventName.IDENTIFY, EventName.ALIAS)),
    *(name.value for name in TimerName),
]
_PARAMETERS = ("tag", "name", "within")


def check(file: CampaignFile) -> None:
    """Raise `CampaignError` for the first thing that is wrong."""
    _shop(file.shop)
    seen: dict[str, int] = {}
    for index, campaign in enumerate(file.campaigns):
        path = f"campaigns[{index}]"
        first = seen.setdefault(campaign.id, index)
        if first != index:
            raise CampaignError(
                f"{path}.id", f"`{campaign.id}` is taken by campaigns[{first}]", "choose another one"
            )
        _campaign(campaign, path)


def _shop(shop: Shop) -> None:
    try:
        ZoneInfo(shop.time_zone)
    except (OSError, ValueError, LookupError):
        raise CampaignError(
            "shop.time_zone", f"`{shop.time_zone}` is not a time zone", "write one such as Europe/Berlin"
        ) from None
    quiet = shop.quiet_hours
    if quiet is not None and quiet.from_ == quiet.to:
        raise CampaignError(
            "shop.quiet_hours.to", "is the same time as `from`", "leave a time that is not quiet"
        )


def _campaign(campaign: Campaign, path: str) -> None:
    for index, trigger in enumerate(campaign.triggers):
        _trigger(trigger, f"{path}.triggers[{index}]")
        if trigger in campaign.triggers[:index]:
            raise CampaignError(f"{path}.triggers[{index}]", f"repeats {trigger}", "name it once")
    if campaign.after and durations.duration_ms(campaign.after) > _AFTER_DAYS_MAX * 86_400_000:
        raise CampaignError(
            f"{path}.after", f"`{campaign.after}` is out of range", f"write up to {_AFTER_DAYS_MAX}d"
        )
    _live(campaign, path)
    if campaign.when is not None:
        _condition(campaign.when, f"{path}.when")
    if len(campaign.offers) > 1:
        # Always sending the first would ignore the others in silence; choosing is exploration's work.
        raise CampaignError(
            f"{path}.offers[1]",
            "choosing among several offers is not there yet",
            "keep one offer per campaign",
        )
    for index, offer in enumerate(campaign.offers):
        _offer(offer, f"{path}.offers[{index}]")
    for index, channel in enumerate(campaign.channels):
        if channel in campaign.channels[:index]:
            raise CampaignError(f"{path}.channels[{index}]", f"repeats {channel}", "name it once")


def _trigger(trigger: str, path: str) -> None:
    if trigger in _TRIGGERS:
        return
    close = {name.lower(): name for name in _TRIGGERS}
    match = get_close_matches(trigger.lower(), list(close), n=1, cutoff=0.6)
    remedy = f"did you mean `{close[match[0]]}`?" if match else f"known: {', '.join(_TRIGGERS)}"
    raise CampaignError(path, f"`{trigger}` is not an event", remedy)


def _live(campaign: Campaign, path: str) -> None:
    times = []
    for name, text in (("from", campaign.live.from_), ("to", campaign.live.to)):
        at = None if text is None or text.isdigit() else parse_time(text)
        if text is not None and at is None:
            raise CampaignError(
                f"{path}.live.{name}", f"`{text}` is not a time", "write it like 2026-11-01T00:00:00Z"
            )
        times.append(at)
    start, end = times
    if start is not None and end is not None and end <= start:
        raise CampaignError(
            f"{path}.live.to", "is not after `from`", "a campaign is live from `from` until before `to`"
        )


def _offer(offer: Offer, path: str) -> None:
    if offer.coupon is not None:
        _coupon(offer.coupon, f"{path}.coupon")
    if offer.copy is None:
        return
    path = f"{path}.copy.template"
    for name in placeholders_of(offer.copy.template, path):
        if name == "first_product" and offer.products is None:
            raise CampaignError(
                path, "uses {first_product}, but the offer has no `products`", "add `products`"
            )
        if name == "discount" and offer.coupon is None:
            raise CampaignError(path, "uses {discount}, but the offer has no `coupon`", "add `coupon`")


def placeholders_of(template: str, path: str) -> list[str]:
    """Return the names in braces; raise `CampaignError` for one that nothing fills."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise CampaignError(
            path, f"has a stray brace ({error})", "write {{ or }} for a brace itself"
        ) from None
    names = []
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if name not in PLACEHOLDERS or form or conversion:
            match = get_close_matches(name, PLACEHOLDERS, n=1)
            known = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
            remedy = f"did you mean {{{match[0]}}}?" if match else f"known: {known}"
            raise CampaignError(path, f"{{{name}}} is not a placeholder", remedy)
        names.append(name)
    return names


def _coupon(coupon: Coupon, path: str) -> None:
    if coupon.kind is CouponKind.FREE_SHIPPING:
        if coupon.value is not None:
            raise CampaignError(f"{path}.value", "has no meaning for free_shipping", "take it out")
    elif coupon.value is None:
        raise CampaignError(f"{path}.value", "is missing", "add it")
    elif coupon.kind is CouponKind.PERCENT and coupon.value > 100:
        raise CampaignError(f"{path}.value", "is more than 100 percent", "write 1 to 100")


def _condition(condition: Condition, path: str) -> None:
    given = [
        name
        for name, value in (
            ("all", condition.all),
            ("any", condition.any),
            ("not", condition.not_),
            ("feature", condition.feature),
        )
        if value is not None
    ]
    if len(given) != 1:
        what = "is empty" if not given else f"has {' and '.join(given)} side by side"
        raise CampaignError(path, what, "write one of all, any, not or feature")
    if condition.feature is not None:
        _comparison(condition, condition.feature, path)
        return
    _refuse_parameters(condition, (), given[0], path)
    if ops := condition.comparisons():
        raise CampaignError(
            f"{path}.{ops[0]}", f"has no meaning beside `{given[0]}`", "put it beside a feature"
        )
    if condition.not_ is not None:
        _condition(condition.not_, f"{path}.not")
    for name, parts in (("all", condition.all), ("any", condition.any)):
        for index, part in enumerate(parts or ()):
            _condition(part, f"{path}.{name}[{index}]")


def _refuse_parameters(condition: Condition, allowed: tuple[str, ...], beside: str, path: str) -> None:
    for name in _PARAMETERS:
        if name not in allowed and getattr(condition, name) is not None:
            raise CampaignError(f"{path}.{name}", f"has no meaning beside `{beside}`", "take it out")


def _comparison(condition: Condition, feature: FeatureName, path: str) -> None:
    ops = condition.comparisons()
    if len(ops) != 1:
        what = "has no comparison" if not ops else f"has {' and '.join(ops)} side by side"
        raise CampaignError(path, what, f"write one of {', '.join(Op)}")
    needs = {FeatureName.AFFINITY: "tag", FeatureName.TRAIT: "name"}.get(feature)
    if needs is not None and getattr(condition, needs) is None:
        raise CampaignError(f"{path}.{needs}", "is missing", f"say which {needs} of `{feature}` is meant")
    allowed = (needs,) if needs else ("within",) if feature in COUNTERS else ()
    _refuse_parameters(condition, allowed, feature, path)
    if condition.within is not None:
        _within(condition.within, feature, f"{path}.within")
    _threshold(condition, feature, ops[0], f"{path}.{ops[0]}")


def _within(within: str, feature: FeatureName, path: str) -> None:
    if within.endswith("d"):
        if durations.duration_ms(within) > _DAYS_MAX * 86_400_000:
            raise CampaignError(path, f"`{within}` is out of range", f"write 1d to {_DAYS_MAX}d")
    elif feature is FeatureName.SEARCHES:
        raise CampaignError(path, "searches are counted in whole days only", f"write 1d to {_DAYS_MAX}d")
    elif durations.duration_ms(within) > _HOURS_MAX_MS:
        raise CampaignError(path, f"`{within}` is out of range", "write up to 24h, or whole days")


def _threshold(condition: Condition, feature: FeatureName, op: Op, path: str) -> None:
    given = getattr(condition, op.value)
    values = (
        {f"{path}[{index}]": value for index, value in enumerate(given)} if op is Op.ONE_OF else {path: given}
    )
    if feature is FeatureName.RFM:
        for where, segment in values.items():
            _segment(op, segment, where)
    elif feature is FeatureName.IS_KNOWN:
        if op is not Op.EQUALS or not isinstance(given, bool):
            raise CampaignError(
                path, "is_known is compared with `equals: true` or `equals: false`", "write that"
            )
    elif feature is not FeatureName.TRAIT or op not in (Op.EQUALS, Op.ONE_OF):
        for where, number in values.items():
            _number(number, where)


def _segment(op: Op, value: object, path: str) -> None:
    if op not in (Op.EQUALS, Op.ONE_OF) or not isinstance(value, str):
        raise CampaignError(
            path, "rfm is compared with the name of a segment", "write `equals: champion`, say"
        )
    if value not in RFM_SEGMENTS:
        raise CampaignError(path, f"`{value}` is not a segment", f"known: {', '.join(RFM_SEGMENTS)}")


def _number(value: object, path: str) -> None:
    if isinstance(value, bool) or not isinstance(value, Number):
        raise CampaignError(path, f"wants a number, got `{value}`", "write digits, without quotes")
    if abs(value) > 1e12 or round(value, 6) != value:
        raise CampaignError(
            path, "wants a number up to 1e12 with at most 6 digits after the point", "round it"
        )
