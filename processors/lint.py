"""What is right in a campaign file and still not meant: campaigns that never fire, and ones that always lose."""

from collections.abc import Collection, Iterator

from msgspec import Struct

from processors.campaigns import Campaigns, Ready
from processors.possible import Setting, why_never
from schemas.campaigns import Campaign, CampaignFile
from schemas.events import Purpose
from schemas.timestamps import iso_utc


class Finding(Struct, frozen=True):
    """`place` in the file; `is_note`: worth a look, and no mistake."""

    place: int
    campaign_id: str
    text: str
    is_note: bool = False

    def line(self) -> str:
        """Return it for people."""
        return f"campaigns[{self.place}] ({self.campaign_id}): {self.text}"


def lint(file: CampaignFile, campaigns: Campaigns, traits: Collection[str], now: int) -> list[Finding]:
    """Return what is odd about a checked file, in its order; `traits` are those that profiles keep, `now` in ms."""
    return [
        Finding(place, campaign.id, text, is_note)
        for place, campaign in enumerate(file.campaigns)
        for text, is_note in _findings(campaign, file, campaigns, traits, now)
    ]


def _findings(
    campaign: Campaign, file: CampaignFile, campaigns: Campaigns, traits: Collection[str], now: int
) -> Iterator[tuple[str, bool]]:
    ready = campaigns.by_id[campaign.id]
    never = _why_never(campaign, file, campaigns, traits)
    if never is not None:
        yield f"can never fire: {never}", False
    elif not campaign.paused:
        for other in file.campaigns:
            if other is not campaign and _always_beats(other, campaign, campaigns, traits):
                winner = campaigns.by_id[other.id]
                yield (
                    f"always loses to campaigns[{winner.place}] ({winner.id}), {_rank(winner, ready)}",
                    False,
                )
                break
    if campaign.paused:
        yield "is paused", True
    elif ready.live_to <= now:
        yield f"was live until {iso_utc(ready.live_to)}", True
    for index, cap in enumerate(ready.caps):
        for number, other_cap in enumerate(ready.caps):
            is_wider = other_cap.per_ms > cap.per_ms and other_cap.at_most <= cap.at_most
            if is_wider or (other_cap == cap and number < index):
                yield f"caps[{index}] changes nothing: caps[{number}] allows no more", True
                break


def _why_never(
    campaign: Campaign, file: CampaignFile, campaigns: Campaigns, traits: Collection[str]
) -> str | None:
    offer = campaign.offers[0]
    if offer.cost > 0 and offer.products is None:
        return "its offer has a cost and no `products` to earn it back, so its value is always below 0"
    for share, where in ((file.shop.hold_out, "shop.hold_out"), (campaign.hold_out, "hold_out")):
        if share >= 1:
            return f"{where} is 1, so everybody is held out"
    return why_never(campaign.when, _setting(campaign, campaigns, traits))


def _always_beats(winner: Campaign, loser: Campaign, campaigns: Campaigns, traits: Collection[str]) -> bool:
    """Return whether a campaign is always there when another one is, ranks higher, and is stopped by nothing.

    A hold-out does not stop it: it comes last, and a winner that is held out still takes the place.
    """
    mine, its = campaigns.by_id[winner.id], campaigns.by_id[loser.id]
    return (
        not winner.paused
        and {*winner.triggers} >= {*loser.triggers}
        and mine.live_from <= its.live_from
        and mine.live_to >= its.live_to
        and _ranks_higher(mine, its)
        and _is_unstoppable(mine, its, campaigns)
        and (
            winner.when is None
            or why_never(loser.when, _setting(loser, campaigns, traits), unless=winner.when) is not None
        )
    )


def _ranks_higher(winner: Ready, loser: Ready) -> bool:
    if winner.priority != loser.priority:
        return winner.priority > loser.priority
    # Without products both are worth 0, and the place in the file decides.
    return loser.offer.products is None and loser.offer.cost == 0 and winner.place < loser.place


def _is_unstoppable(winner: Ready, loser: Ready, campaigns: Campaigns) -> bool:
    """Return whether no step after eligibility stops the winner but lets the loser through."""
    return (
        not winner.caps
        and winner.purpose in (loser.purpose, Purpose.PROFILING)
        and winner.reach_ms >= loser.reach_ms
        and winner.offer.products is None
        and winner.offer.cost == 0
        and (campaigns.quiet is None or winner.valid_ms >= loser.valid_ms)
    )


def _rank(winner: Ready, loser: Ready) -> str:
    if winner.priority != loser.priority:
        return (
            f"which fits whenever it does, has no caps, and priority {winner.priority} over {loser.priority}"
        )
    return "which fits whenever it does, has no caps, and stands before it with the same priority"


def _setting(campaign: Campaign, campaigns: Campaigns, traits: Collection[str]) -> Setting:
    return Setting(campaigns.currency, campaigns.policy, traits, campaign.triggers)
