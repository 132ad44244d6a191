"""What a campaign file would do over given events, beside another one: replayed twice, counted once."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import msgspec
from msgspec import Struct

from processors.campaigns import Campaigns
from schemas.campaigns import Campaign, CampaignFile, Shop
from schemas.decisions import Outcome
from schemas.ids import CampaignId
from streams import replay_folder
from streams.parts import Parts
from streams.replay import Progress, Request, replay
from streams.sources import HugeLine, lines_of

#: Reasons of campaigns that were not even candidates; only their sums are known.
_UNASKED = ("not_live", "not_eligible", "stale")


class _Candidate(Struct):
    campaign_id: str
    outcome: Outcome
    reason: str | None


class _Decision(Struct):
    user_id: str
    candidates: list[_Candidate]


_decision_of = msgspec.json.Decoder(_Decision).decode


@dataclass
class Effect:
    """What one campaign did. `cost` in major units, `reach` in shoppers who got an offer."""

    offers: int = 0
    held_out: int = 0
    cost: float = 0.0
    reach: int = 0
    suppressed: Counter[str] = field(default_factory=Counter)


@dataclass
class Effects:
    """What a file did: per campaign, and over all of them. `unasked`: sums of those that were no candidates."""

    digest: str
    by_campaign: dict[str, Effect]
    total: Effect
    unasked: dict[str, int]


def effects_of(
    files: Sequence[Path], parts: Parts, campaigns: Campaigns, progress: Progress, wall_ms: int
) -> Effects:
    """Replay the events with a campaign file and count what came of it; nothing is left on the disk."""
    with TemporaryDirectory(prefix="beckon-plan-") as folder:
        request = Request(files=files, out=Path(folder) / "out")
        ready = Parts(parts.border, parts.policy, campaigns, parts.catalog, parts.tagger, parts.side)
        summary = replay(request, ready, progress, wall_ms)
        return _count(request.out / replay_folder.DECISIONS, campaigns, summary)


def _count(decisions: Path, campaigns: Campaigns, summary: dict[str, Any]) -> Effects:
    effects = {campaign_id: Effect() for campaign_id in campaigns.by_id}
    reached: dict[str, set[str]] = {campaign_id: set() for campaign_id in effects}
    for raw in lines_of(decisions):
        assert not isinstance(raw, HugeLine), "we have just written it"
        decision = _decision_of(raw)
        for candidate in decision.candidates:
            effect = effects[candidate.campaign_id]
            if candidate.outcome is Outcome.OFFERED:
                effect.offers += 1
                reached[candidate.campaign_id].add(decision.user_id)
            elif candidate.outcome is Outcome.HELD_OUT:
                effect.held_out += 1
            elif candidate.reason is not None:
                effect.suppressed[candidate.reason] += 1
    total = Effect(reach=len(set().union(*reached.values())))
    for campaign_id, effect in effects.items():
        effect.reach = len(reached[campaign_id])
        effect.cost = round(effect.offers * campaigns.by_id[CampaignId(campaign_id)].offer.cost, 6)
        total.offers += effect.offers
        total.held_out += effect.held_out
        total.cost = round(total.cost + effect.cost, 6)
        total.suppressed.update(effect.suppressed)
    unasked = {reason: count for reason in _UNASKED if (count := summary["reasons"].get(reason, 0))}
    return Effects(campaigns.digest, effects, total, unasked)


class Change(Struct, frozen=True):
    """One campaign, or the shop's part (id ""), in one file against another. `fields` names what differs."""

    campaign_id: str
    kind: Literal["new", "removed", "changed", "moved"]
    fields: tuple[str, ...] = ()

    def line(self) -> str:
        """Return it for people."""
        name = self.campaign_id or "shop"
        return f"{self.kind:<8} {name}" + (f": {', '.join(self.fields)}" if self.fields else "")


def changes(old: CampaignFile, new: CampaignFile) -> Iterator[Change]:
    """Yield what differs between two files, in the order of the new one; then what is gone."""
    if old.shop != new.shop:
        yield Change("", "changed", _fields(old.shop, new.shop))
    before = {campaign.id: campaign for campaign in old.campaigns}
    after = {campaign.id: campaign for campaign in new.campaigns}
    for campaign_id, campaign in after.items():
        if campaign_id not in before:
            yield Change(campaign_id, "new")
        elif campaign != before[campaign_id]:
            yield Change(campaign_id, "changed", _fields(before[campaign_id], campaign))
    stay_old = [campaign_id for campaign_id in before if campaign_id in after]
    stay_new = [campaign_id for campaign_id in after if campaign_id in before]
    for one, other in zip(stay_old, stay_new, strict=True):
        if one != other:  # the order breaks ties
            yield Change(other, "moved")
    for campaign_id in before:
        if campaign_id not in after:
            yield Change(campaign_id, "removed")


def _fields(old: Campaign | Shop, new: Campaign | Shop) -> tuple[str, ...]:
    return tuple(
        part.encode_name
        for part in msgspec.structs.fields(new)
        if getattr(old, part.name) != getattr(new, part.name)
    )
