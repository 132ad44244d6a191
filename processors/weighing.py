"""The steps that every eligible campaign goes through, each with its reason; the first one that fails stops it."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from processors import caps, products
from processors.campaigns import Campaigns, Ready
from processors.comparisons import Comparison
from processors.copy_text import copy_of
from processors.features import Facts, Value
from processors.ids import decision_id
from processors.quiet_hours import local_time, quiet_until, zone_name
from processors.side_inputs import Scores, SideInputs
from schemas.campaigns import Products
from schemas.decisions import Check, CopyText, Goods, Reason, Trigger
from schemas.events import Purpose
from schemas.ids import DecisionId, EventTime
from schemas.money import format_minor
from schemas.profiles import Profile
from schemas.timestamps import iso_utc


class Case(Struct, gc=False):
    """One trigger under decision: what all of its candidates share.

    `values` gathers what conditions read, by the key of the feature. `consent` and `consented` (a check:
    profiling and this purpose) hold every purpose; `in_time` has a check per `reach_within` in ms, `checked` one
    per comparison that several campaigns share.
    `recorded` has the products by campaign where a record is decided again, and neither cart nor catalogue is at hand.
    """

    facts: Facts
    trigger: Trigger
    propensity: float
    campaigns: Campaigns
    side: SideInputs
    profiled: bool
    consent: dict[str, bool]
    consented: dict[str, Check]
    cool_down: Check | None
    zone: str
    quiet_until: EventTime | None
    values: dict[str, Value]
    in_time: dict[int, Check]
    checked: dict[Comparison, Check]
    recorded: Mapping[str, Goods] | None = None


class Weighed(Struct, gc=False):
    """One candidate on its way through the steps; `reason` is the step that stopped it."""

    campaign: Ready
    decision_id: DecisionId
    checks: list[Check]
    reason: Reason | None = None
    expected_value: float = 0.0
    product_ids: tuple[str, ...] = ()
    goods: Goods | None = None
    copy: CopyText | None = None
    not_before: EventTime = EventTime(0)


def is_granted(profile: Profile, purpose: Purpose, side: SideInputs) -> bool:
    """Return whether the shopper consents; who never said is profiled by the setting, and nothing else."""
    stated = profile.consent.get(purpose)  # a StrEnum is its value; `.value` costs more than the look-up
    if stated is None:
        return purpose is Purpose.PROFILING and side.default_profiling
    return stated.value is True


def open_case(facts: Facts, trigger: Trigger, scores: Scores, campaigns: Campaigns, side: SideInputs) -> Case:
    """Return what all candidates of a trigger share."""
    profile, now = facts.profile, facts.now
    cool_down = None
    if campaigns.cool_down_ms:
        cool_down = caps.check_cool_down(
            campaigns.cool_down_ms, campaigns.cool_down_words, profile.offers.values(), now
        )
    zone = zone_name(profile, campaigns.time_zone)
    consent = {purpose.value: is_granted(profile, purpose, side) for purpose in Purpose}
    return Case(
        facts=facts,
        trigger=trigger,
        propensity=scores.get("propensity", campaigns.prior_propensity),
        campaigns=campaigns,
        side=side,
        profiled=consent[Purpose.PROFILING],
        consent=consent,
        consented={purpose: _consent_check(profile, consent, purpose) for purpose in consent},
        cool_down=cool_down,
        zone=zone,
        quiet_until=quiet_until(campaigns.quiet, now, zone) if campaigns.quiet is not None else None,
        values={},
        in_time={},
        checked={},
    )


def weigh(case: Case, campaign: Ready) -> Weighed:
    """Take one eligible campaign through the steps until one of them stops it."""
    shopper = case.facts.profile.shopper
    checks = _explain(case, campaign) if case.profiled else []
    weighed = Weighed(campaign, decision_id(shopper, campaign.id, case.trigger.message_id), checks)
    weighed.reason = _stop(case, weighed)
    return weighed


def _explain(case: Case, campaign: Ready) -> list[Check]:
    checked = case.checked
    checks: list[Check] = []
    for comparison in campaign.comparisons:
        check = checked.get(comparison) if comparison.is_shared else None
        if check is None:
            values, key = case.values, comparison.key
            value = values.get(key, _UNREAD)
            if value is _UNREAD:
                value = values[key] = comparison.read(case.facts)
            check = comparison.check(value)
            if comparison.is_shared:
                checked[comparison] = check
        checks.append(check)
    return checks


def _stop(case: Case, weighed: Weighed) -> Reason | None:
    """Return the first step that stops a candidate. Steps that have nothing to look at are passed by here:
    a call costs more than the question, and most offers have no products, cost and words to look at.
    """
    campaign, checks = weighed.campaign, weighed.checks
    offer = campaign.offer
    consented = case.consented[campaign.purpose]
    checks.append(consented)
    if not consented.passed:
        return Reason.NO_CONSENT
    in_time = case.in_time.get(campaign.reach_ms)
    if in_time is None:
        in_time = case.in_time[campaign.reach_ms] = _reach_check(case.side.lag_ms, campaign)
    checks.append(in_time)
    if not in_time.passed:
        return Reason.TOO_LATE
    if campaign.caps and not _is_below_caps(case, weighed):
        return Reason.CAPPED
    if case.cool_down is not None and not _has_cooled_down(case.cool_down, weighed):
        return Reason.COOLING_DOWN
    if offer.products is not None and not _is_in_stock(offer.products, case, weighed):
        return Reason.OUT_OF_STOCK
    if (weighed.product_ids or offer.cost != 0) and not _is_worth_it(case, weighed):
        return Reason.LOW_VALUE
    if offer.copy is not None and not _has_words(case, weighed):
        return Reason.COPY_REJECTED
    if case.quiet_until is None:
        weighed.not_before = case.facts.now
    elif not _may_be_loud(case.quiet_until, case, weighed):
        return Reason.QUIET_HOURS
    return None


def _consent_check(profile: Profile, consent: dict[str, bool], purpose: str) -> Check:
    needed = dict.fromkeys((Purpose.PROFILING.value, purpose))  # once, where they are the same
    missing = [name for name in needed if not consent[name]]
    if missing:
        verb = "has not agreed to" if missing[0] not in profile.consent else "refused"
        sentence = f"the shopper {verb} {missing[0]}"
        return Check("consent", sentence, False, f"consent to {' and '.join(missing)}")
    return Check("consent", f"the shopper allows {purpose}", True, f"withdrawn consent to {purpose}")


def _reach_check(lag_ms: int, campaign: Ready) -> Check:
    passed = lag_ms <= campaign.reach_ms
    sentence = f"decided {_seconds(lag_ms)} s after the event arrived, at most {campaign.reach_words} allowed"
    if passed:
        return Check(
            "reach", sentence, True, f"more than {_seconds(campaign.reach_ms - lag_ms)} s more delay"
        )
    return Check("reach", sentence, False, f"{_seconds(lag_ms - campaign.reach_ms)} s less delay")


def _is_below_caps(case: Case, weighed: Weighed) -> bool:
    offers = case.facts.profile.offers.get(weighed.campaign.id)
    windows = weighed.campaign.caps
    for window in windows:
        check = caps.check_cap(window, offers, case.facts.now) if offers else window.free
        if not check.passed and offers:
            weighed.checks.append(caps.until_all_pass(check, windows, offers, case.facts.now))
            return False
        weighed.checks.append(check)
    return True


def _has_cooled_down(check: Check, weighed: Weighed) -> bool:
    weighed.checks.append(check)
    return check.passed


def _is_in_stock(wanted: Products, case: Case, weighed: Weighed) -> bool:
    if case.recorded is None:
        chosen = products.goods_of(wanted, case.facts, case.side.catalog)
    else:
        chosen = case.recorded.get(weighed.campaign.id, NO_GOODS)
    weighed.goods, weighed.product_ids = chosen, chosen.ids
    if not chosen.sold_out:
        return True
    passed = bool(chosen.ids)
    out = f"{len(chosen.sold_out)} of the products sold out ({chosen.sold_out[0]}"
    out += ", ...)" if len(chosen.sold_out) > 1 else ")"
    flip = "all of them sold out" if passed else "one of them in stock again"
    weighed.checks.append(Check("stock", f"{out}, at least one in stock needed", passed, flip))
    return passed


def _is_worth_it(case: Case, weighed: Weighed) -> bool:
    offer, campaigns = weighed.campaign.offer, case.campaigns
    margin = weighed.goods.margin if weighed.goods is not None else 0
    # Rounded: 0.05 * 20.20 - 1.01 is nothing, not a tiny loss.
    earned = round(case.propensity * margin / campaigns.minor_per_unit, 6)
    worth = weighed.expected_value = round(earned - offer.cost, 6)
    if offer.cost == 0:
        return True
    passed = worth >= 0
    sentence = (
        f"expected value is {_money(case, worth)} (propensity {case.propensity:g} times margin"
        f" {format_minor(margin, campaigns.currency)}, less cost {_money(case, offer.cost)}), at least 0 needed"
    )
    most = f"a cost of {_money(case, earned)}"
    flip = f"more than {most}" if passed else f"{most} or less"
    weighed.checks.append(Check("value", sentence, passed, flip))
    return passed


def _has_words(case: Case, weighed: Weighed) -> bool:
    offer = weighed.campaign.offer
    expires_at = EventTime(case.facts.now + weighed.campaign.valid_ms)
    weighed.copy = copy_of(
        offer, weighed.product_ids, case.side.catalog, case.campaigns.currency, expires_at, case.zone
    )
    if weighed.copy is None:
        sentence = "the text names {first_product}, and there is no product to name"
        weighed.checks.append(Check("copy", sentence, False, "a product to name"))
        return False
    return True


def _may_be_loud(until: EventTime, case: Case, weighed: Weighed) -> bool:
    now = case.facts.now
    weighed.not_before = until
    expires_at = now + weighed.campaign.valid_ms
    passed = until < expires_at
    clock = local_time(now, case.zone).strftime("%H:%M")
    sentence = (
        f"it is {clock} in {case.zone}, and quiet until {iso_utc(until)};"
        f" the offer expires {iso_utc(expires_at)}"
    )
    weighed.checks.append(Check("quiet_hours", sentence, passed, _validity_flip(until - now, passed)))
    return passed


def _validity_flip(quiet_ms: int, passed: bool) -> str:
    minutes = quiet_ms // 60_000 + 1  # the first whole minute that ends after the quiet hours
    if not passed:
        return f"an offer valid for at least {minutes} minute{'' if minutes == 1 else 's'}"
    # No offer is valid for less than a minute.
    return f"an offer valid for less than {minutes} minutes" if minutes > 1 else ""


#: None is a value.
_UNREAD: Any = object()
NO_GOODS = Goods()


def _money(case: Case, amount: float) -> str:
    """Return an amount in major units, with more digits than usual where those would hide something."""
    campaigns = case.campaigns
    short = f"{amount:.{campaigns.currency_digits}f}"
    exact = short if float(short) == amount else f"{amount:.6f}".rstrip("0")
    return f"{campaigns.currency} {exact}"


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}".rstrip("0").rstrip(".")
