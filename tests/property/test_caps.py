"""No window ever holds more offers than its cap, whatever a shopper does; and no offer is forgotten too early."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from processors import caps
from processors.campaigns import compile_campaigns
from processors.side_inputs import SideInputs
from schemas.campaigns import CampaignFile, Cap
from schemas.durations import duration_ms
from schemas.ids import EventTime
from schemas.profiles import OfferMade
from tests.support.histories import agreed, campaign_files, histories, nearly_in_order, some_histories
from tests.support.story import DAY, HOUR, POLICY, tell


def offers_of(file: CampaignFile, arrivals: list[dict[str, object]]) -> list[tuple[str, int]]:
    """Return (campaign, time) of every offer and ghost offer."""
    told = tell(compile_campaigns(file, POLICY, "USD"), arrivals, SideInputs())
    return [(d.campaign_id, d.now) for d in told.decisions if d.campaign_id is not None]


@some_histories
@given(st.data())
def test_no_rolling_window_holds_more_offers_than_its_cap(data: st.DataObject) -> None:
    file = data.draw(campaign_files())
    offers = offers_of(file, data.draw(nearly_in_order(agreed(data.draw(histories())))))
    for campaign in file.campaigns:
        mine = [at for whose, at in offers if whose == campaign.id]
        for cap in campaign.caps:
            per = duration_ms(cap.per)
            assert all(sum(at - per < other <= at for other in mine) <= cap.at_most for at in mine)
    if file.shop.cool_down is not None:
        times = [at for _, at in offers]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert all(gap >= duration_ms(file.shop.cool_down) for gap in gaps)


_gaps = st.sampled_from((0, 1, HOUR - 1, HOUR, HOUR + 1, DAY - 1, DAY, DAY + 1, 7 * DAY))


@some_histories
@given(
    st.lists(_gaps, max_size=30),
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from(("1h", "1d", "7d"))), min_size=1, max_size=3),
)
def test_forgetting_offers_never_changes_the_answer_of_a_cap(
    gaps: list[int], limits: list[tuple[int, str]]
) -> None:
    windows = [caps.window_of(Cap(at_most, per)) for at_most, per in limits]
    keep_ms = max(window.per_ms for window in windows)
    keep_count = max(caps.KEPT_MIN, *(window.at_most for window in windows))
    now = 10**12
    everything: list[OfferMade] = []
    kept: list[OfferMade] = []
    for number, gap in enumerate(gaps):
        now += gap
        for window in windows:
            whole, short = (caps.check_cap(window, offers, EventTime(now)) for offers in (everything, kept))
            assert whole.passed is short.passed
            assert whole.flip == short.flip
        made = OfferMade(EventTime(now), f"d{number}", "p")
        everything.append(made)
        kept = caps.still_counting([*kept, made], keep_ms, keep_count, 64, EventTime(now))
