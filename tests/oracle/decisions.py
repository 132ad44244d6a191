"""The model of truth for decisions: slow, short, written from the contract alone.

Shares no code with `processors`; of `schemas` it reads the structs of a campaign file and of a catalogue.
Every value is computed anew from all events known so far, and every offer ever made is kept.
"""

import json
import string
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

from schemas.campaigns import Campaign, CampaignFile, QuietHours
from tests.oracle.conditions import MINUTE, UNITS, Catalog, Shopper, features, holds, length
from tests.oracle.profiles import DAY, Json, millis, name_of

PRIOR = Fraction(1, 20)
TIMERS = {"Cart Abandoned", "Session Ended", "Days Without Visit", "Order Anniversary"}


def decisions(
    arrivals: list[Json],
    file: CampaignFile,
    catalog: Catalog,
    lag_ms: int,
    default_profiling: bool,
    as_of: int | None = None,
) -> list[Json]:
    """Return what each trigger of one shopper must come to, in the order of arrival; of timers too, up to `as_of`.

    Offers that are taken back stand between them as {"revoked": (decision_id, reason)}.
    """
    story = Story(file, catalog, lag_ms, default_profiling)
    for event in arrivals:
        if any(event["messageId"] == before["messageId"] for before in story.known):
            continue  # a duplicate decides nothing
        story.fire(millis(event["timestamp"]))
        story.known.append(event)
        story.revoke(event)
        story.ask(name_of(event), event)
    if as_of is not None:
        story.fire(as_of)
    return story.results


class Story:
    """What became of one shopper so far. `fired`: timers, by name and deadline."""

    def __init__(self, file: CampaignFile, catalog: Catalog, lag_ms: int, default_profiling: bool) -> None:
        self.file = file
        self.catalog = catalog
        self.lag_ms = lag_ms
        self.default_profiling = default_profiling
        self.known: list[Json] = []
        self.fired: list[tuple[str, int]] = []
        self.offers: list[tuple[str, int]] = []  # campaign, time; ghost offers too
        self.sent: list[
            Json
        ] = []  # what went out, and neither expired nor was taken back when last looked at
        self.results: list[Json] = []
        self.waited_for = {trigger for campaign in file.campaigns for trigger in campaign.triggers}
        #: Whether time alone can bring anything.
        self.waits = bool(TIMERS & self.waited_for) or any(c.after is not None for c in file.campaigns)

    def shopper(self, at: int) -> Shopper:
        """Return the shopper at an event, or deadline, of that time."""
        return Shopper(self.known, self.catalog, self.default_profiling, at)

    def ask(self, name: str, trigger: Json) -> None:
        """Decide about a trigger, if any campaign waits for that name."""
        triggered = [campaign for campaign in self.file.campaigns if name in names_of(campaign)]
        if not triggered:
            return
        shopper = self.shopper(millis(trigger["timestamp"]))
        result = decide(shopper, trigger, triggered, self.file, self.offers, self.catalog, self.lag_ms)
        self.results.append(result)
        if result.get("campaign_id") is None:
            return
        self.offers.append((result["campaign_id"], shopper.now))
        if "promotion" in result:
            (campaign,) = [c for c in self.file.campaigns if c.id == result["campaign_id"]]
            ids = {"decision_id": result["decision_id"], "purpose": campaign.purpose.value}
            self.sent.append(result["promotion"] | ids)

    def fire(self, until: int) -> None:
        """Let every deadline up to `until` fire, one after the other: what one does may set another."""
        while True:
            passed = max(
                [millis(event["timestamp"]) for event in self.known] + [at for _, at in self.fired] + [-1]
            )
            due = [(at, name) for at, name in self.deadlines() if passed < at <= until]
            if not due:
                return
            deadline = min(due)[0]
            for name in sorted({name for at, name in due if at == deadline}):
                message_id = hashed([self.shopper(deadline).id, name, deadline])[:16].hex()
                self.ask(name, {"timestamp": deadline, "messageId": message_id})
                self.fired.append((name, deadline))

    def deadlines(self) -> list[tuple[int, str]]:
        """Return all deadlines, passed ones too, whether a campaign waits for them or not."""
        if not self.known or not self.waits:
            return []
        line = self.shopper(0).line
        cart = [entry["at"] for entry in line["recent"] if entry["kind"] in ("add", "remove", "buy")]
        orders = [o["at"] for o in line["orders_log"] if o["total"] is not None and not o["cancelled"]]
        found = [(line["last_seen"] + 30 * DAY, "Days Without Visit")]
        found += [(max(cart) + 60 * MINUTE, "Cart Abandoned")] if cart else []
        found += [(line["recent"][-1]["at"] + 30 * MINUTE, "Session Ended")] if line["recent"] else []
        found += [(max(orders) + 365 * DAY, "Order Anniversary")] if orders else []
        found = [(at, name) for at, name in found if name in self.waited_for]
        if cart and not self.shopper(max(cart) + 60 * MINUTE).line["cart"]:
            found = [(at, name) for at, name in found if name != "Cart Abandoned"]
        happened = [(name_of(event), millis(event["timestamp"])) for event in self.known] + self.fired
        for campaign in self.file.campaigns:
            if campaign.after is not None:
                later = length(campaign.after)
                found += [
                    (at + later, later_name(name, later))
                    for name, at in happened
                    if name in campaign.triggers
                ]
        return found

    def revoke(self, event: Json) -> None:
        """Take back what holds no longer since this event; the file never changes here."""
        if not self.sent:
            return
        shopper = self.shopper(millis(event["timestamp"]))
        bought: set[str] = set()
        if name_of(event) == "Order Completed":
            bought = {str(line["product_id"]) for line in event["properties"]["products"]}
        left = []
        for offer in self.sent:
            reason = None
            if not (shopper.consent["profiling"] and shopper.consent[offer["purpose"]]):
                reason = "consent_withdrawn"
            elif bought & set(offer["product_ids"]):
                reason = "bought"
            if offer["expires_at"] <= shopper.now:
                continue
            if reason is None:
                left.append(offer)
            else:
                self.results.append({"revoked": (offer["decision_id"], reason)})
        self.sent = left


def names_of(campaign: Campaign) -> list[str]:
    """Return the names that a campaign waits for."""
    if campaign.after is None:
        return list(campaign.triggers)
    return [later_name(trigger, length(campaign.after)) for trigger in campaign.triggers]


def later_name(name: str, later: int) -> str:
    """Return the name of what comes that long after an event: in days if they are whole, else in hours, minutes."""
    for unit in "dh":
        if later % UNITS[unit] == 0:
            return f"{name} after {later // UNITS[unit]}{unit}"
    return f"{name} after {later // MINUTE}m"


def decide(
    shopper: Shopper,
    event: Json,
    triggered: list[Campaign],
    file: CampaignFile,
    offers: list[tuple[str, int]],
    catalog: Catalog,
    lag_ms: int,
) -> Json:
    """Return the record of one trigger: `stale`, or counts and, where a campaign was eligible, the rest."""
    now = shopper.now
    if now - millis(event["timestamp"]) > 60 * MINUTE:
        return {"stale": True}
    live = [campaign for campaign in triggered if is_live(campaign, now)]
    profiled = shopper.consent["profiling"]
    eligible = [c for c in live if not profiled or c.when is None or holds(c.when, shopper)]
    result: Json = {
        "not_live": len(triggered) - len(live),
        "not_eligible": len(live) - len(eligible),
        "now": now,
        "candidates": [],
    }
    if not eligible:
        return result
    reasons = {c.id: stopped_by(c, shopper, file, offers, catalog, lag_ms) for c in eligible}
    left = [campaign for campaign in eligible if reasons[campaign.id] is None]
    # max returns the first of equals: the place in the file decides last.
    winner = max(left, key=lambda c: (c.priority, worth(c, shopper, catalog)), default=None)
    for campaign in left:
        if campaign is not winner:
            reasons[campaign.id] = "lost_arbitration"
    if winner is not None and is_held_out(winner, shopper, file):
        reasons[winner.id] = "held_out"
    result["candidates"] = [
        {
            "campaign_id": campaign.id,
            "decision_id": decision_id(shopper, campaign, event),
            "outcome": outcome(reasons[campaign.id]),
            "reason": reasons[campaign.id],
        }
        for campaign in eligible
    ]
    result |= {
        "outcome": "suppressed" if winner is None else outcome(reasons[winner.id]),
        "campaign_id": None if winner is None else winner.id,
        "promotion_id": None if winner is None else winner.offers[0].promotion_id,
        "decision_id": None if winner is None else decision_id(shopper, winner, event),
        "features": features(eligible, shopper) if profiled else {},
        "consent": shopper.consent,
    }
    if winner is not None and reasons[winner.id] is None:
        result["promotion"] = {
            "not_before": quiet_end(shopper, file) or now,
            "expires_at": now + length(winner.valid_for),
            "product_ids": shown(winner, shopper, catalog)[0],
        }
    return result


def outcome(reason: str | None) -> str:
    """Return how a candidate ended."""
    return {None: "offered", "held_out": "held_out"}.get(reason, "suppressed")


def is_live(campaign: Campaign, now: int) -> bool:
    """Return whether a campaign is live: from `from` until before `to`."""
    start, end = campaign.live.from_, campaign.live.to
    return (start is None or millis(start) <= now) and (end is None or now < millis(end))


def stopped_by(
    campaign: Campaign,
    shopper: Shopper,
    file: CampaignFile,
    offers: list[tuple[str, int]],
    catalog: Catalog,
    lag_ms: int,
) -> str | None:
    """Return the reason of the first step that stops a campaign, without arbitration and hold-out."""
    now = shopper.now
    if not shopper.consent["profiling"] or not shopper.consent[campaign.purpose]:
        return "no_consent"
    if lag_ms > length(campaign.reach_within):
        return "too_late"
    for cap in campaign.caps:
        mine = [at for whose, at in offers if whose == campaign.id and now - length(cap.per) < at <= now]
        if len(mine) >= cap.at_most:
            return "capped"
    cool_down = file.shop.cool_down
    if cool_down and any(now - length(cool_down) < at <= now for _, at in offers):
        return "cooling_down"
    ids, sold_out = shown(campaign, shopper, catalog)
    if sold_out and not ids:
        return "out_of_stock"
    if campaign.offers[0].cost > 0 and worth(campaign, shopper, catalog) < 0:
        return "low_value"
    copy = campaign.offers[0].copy
    if copy and not ids and "first_product" in [part[1] for part in string.Formatter().parse(copy.template)]:
        return "copy_rejected"
    end = quiet_end(shopper, file)
    return "quiet_hours" if end is not None and end >= now + length(campaign.valid_for) else None


def shown(campaign: Campaign, shopper: Shopper, catalog: Catalog) -> tuple[list[str], list[str]]:
    """Return the products of the offer, newest first, and those that are sold out."""
    wanted = campaign.offers[0].products
    if wanted is None:
        return [], []
    if wanted.from_ == "cart":
        cart = shopper.line["cart"]
        ids = sorted(cart, key=lambda product: (-cart[product]["added"], product))
    else:  # looked at, and not bought since
        newest_first = [e for e in reversed(shopper.line["recent"]) if e["kind"] in ("view", "click", "buy")]
        ids = []
        bought_since: set[str] = set()
        for entry in newest_first:
            if entry["kind"] == "buy" and entry["product_id"] not in ids:
                bought_since.add(entry["product_id"])
            elif entry["product_id"] not in bought_since and entry["product_id"] not in ids:
                ids.append(entry["product_id"])
    gone = [p for p in ids if p in catalog and catalog[p].stock is not None and (catalog[p].stock or 0) <= 0]
    return [p for p in ids if p not in gone][: wanted.at_most], gone


def worth(campaign: Campaign, shopper: Shopper, catalog: Catalog) -> Fraction:
    """Return the expected value in major units: propensity * margin - cost."""
    ids, _ = shown(campaign, shopper, catalog)
    margin = sum(catalog[p].margin or 0 for p in ids if p in catalog)
    return PRIOR * Fraction(margin, 100) - Fraction(Decimal(repr(campaign.offers[0].cost)))


def quiet_end(shopper: Shopper, file: CampaignFile) -> int | None:
    """Return the first moment that is not quiet by the wall clock, tried minute by minute; None: it is now."""
    hours = file.shop.quiet_hours
    if hours is None:
        return None
    return first_loud(hours, shopper.now, shopper.zone(file.shop.time_zone))


def first_loud(hours: QuietHours, now: int, zone: ZoneInfo) -> int | None:
    """Walk over whole minutes: offsets of zones are whole minutes since 1972."""
    if not is_quiet(hours, now, zone):
        return None
    at = now - now % MINUTE
    while True:
        at += MINUTE
        if not is_quiet(hours, at, zone):
            return at


def is_quiet(hours: QuietHours, at: int, zone: ZoneInfo) -> bool:
    """Return whether the wall clock is within the quiet hours; texts such as 08:05 sort like times."""
    clock = datetime.fromtimestamp(at // 1000, UTC).astimezone(zone).strftime("%H:%M")
    if hours.from_ < hours.to:
        return hours.from_ <= clock < hours.to
    return clock >= hours.from_ or clock < hours.to


def is_held_out(campaign: Campaign, shopper: Shopper, file: CampaignFile) -> bool:
    """Return whether the hash of the shopper lies below the share, for all campaigns or for this one."""
    for key, share in (("", file.shop.hold_out), (campaign.id, campaign.hold_out)):
        first = hashed([file.shop.salt, key, shopper.id])[:8]
        if Fraction(int.from_bytes(first, "big"), 2**64) < Fraction(share):
            return True
    return False


def decision_id(shopper: Shopper, campaign: Campaign, event: Json) -> str:
    """Return the first 16 bytes of the hash in hex."""
    return hashed([shopper.id, campaign.id, event["messageId"]])[:16].hex()


def hashed(parts: list[Any]) -> bytes:
    """Return blake2b of compact UTF-8 JSON."""
    return blake2b(json.dumps(parts, separators=(",", ":"), ensure_ascii=False).encode()).digest()
