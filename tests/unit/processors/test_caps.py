from processors.caps import check_cap, check_cool_down, still_counting, window_of
from schemas.campaigns import Cap
from schemas.ids import EventTime
from schemas.profiles import OfferMade
from tests.support.story import DAY, HOUR, MONDAY

WEEK = window_of(Cap(at_most=2, per="7d"))


def made(*times: int) -> list[OfferMade]:
    return [OfferMade(EventTime(at), "d", "p") for at in times]


def test_ruling_56_the_next_offer_is_allowed_exactly_7_days_later() -> None:
    offers = made(MONDAY, MONDAY + DAY)
    assert not check_cap(WEEK, offers, EventTime(MONDAY + 7 * DAY - 1)).passed
    assert check_cap(WEEK, offers, EventTime(MONDAY + 7 * DAY)).passed


def test_ruling_56_ghost_offers_count_like_sent_ones() -> None:
    ghosts = [OfferMade(EventTime(MONDAY), "d", "p", held_out=True)] * 2
    assert not check_cap(WEEK, ghosts, EventTime(MONDAY + 1)).passed


def test_a_cap_says_how_many_there_were_and_when_the_next_one_fits() -> None:
    stopped = check_cap(WEEK, made(MONDAY, MONDAY + DAY), EventTime(MONDAY + 2 * DAY))
    assert stopped.sentence == "2 offers of this campaign in the last 7 days, at most 2 allowed"
    assert stopped.flip == "the same event at 2026-03-09T00:00:00.000Z or later"
    one = check_cap(WEEK, made(MONDAY), EventTime(MONDAY + DAY))
    assert (one.sentence, one.flip) == (
        "1 offer of this campaign in the last 7 days, at most 2 allowed",
        "1 more offer",
    )
    none = check_cap(WEEK, (), EventTime(MONDAY))
    assert (none.sentence, none.flip) == (
        "0 offers of this campaign in the last 7 days, at most 2 allowed",
        "2 more offers",
    )


def test_a_cap_that_was_lowered_says_when_enough_offers_have_left_the_window() -> None:
    times = [MONDAY + n * DAY for n in range(5)]
    stopped = check_cap(WEEK, made(*times), EventTime(times[-1]))
    assert stopped.flip == "the same event at 2026-03-12T00:00:00.000Z or later"  # the fourth leaves


def test_ruling_56_the_cool_down_counts_all_campaigns_and_is_over_exactly_then() -> None:
    offers = [made(MONDAY), made(MONDAY + HOUR)]
    stopped = check_cool_down(DAY, "1 day", offers, EventTime(MONDAY + HOUR + DAY - 1))
    assert not stopped.passed
    assert stopped.flip == "the same event at 2026-03-03T01:00:00.000Z or later"
    assert check_cool_down(DAY, "1 day", offers, EventTime(MONDAY + HOUR + DAY)).passed


def test_of_several_offers_in_a_cool_down_the_newest_one_counts() -> None:
    for offers in ([made(MONDAY), made(MONDAY + HOUR)], [made(MONDAY, MONDAY + HOUR)]):
        stopped = check_cool_down(DAY, "1 day", offers, EventTime(MONDAY + 2 * HOUR))
        assert stopped.sentence == (
            "the last offer of any campaign was at 2026-03-02T01:00:00.000Z, 1 day without one needed"
        )
        assert stopped.flip == "the same event at 2026-03-03T01:00:00.000Z or later"


def test_an_offer_that_a_window_needs_is_never_dropped() -> None:
    offers = made(*(MONDAY + n for n in range(20)))
    assert len(still_counting(offers, DAY, 12, 64, EventTime(MONDAY + 20))) == 12
    assert len(still_counting(offers, DAY, 50, 64, EventTime(MONDAY + 20))) == 20
    assert [offer.at for offer in still_counting(offers, DAY, 50, 64, EventTime(MONDAY + DAY + 17))] == [
        MONDAY + 18,
        MONDAY + 19,
    ]


def test_an_offer_that_may_have_to_be_taken_back_is_kept_within_a_bound_of_its_own() -> None:
    sent = [OfferMade(EventTime(MONDAY + n), "d", "p", expires_at=EventTime(MONDAY + HOUR)) for n in range(9)]
    ghost = OfferMade(EventTime(MONDAY), "d", "p", held_out=True, expires_at=EventTime(MONDAY + HOUR))
    kept = still_counting([ghost, *sent], DAY, 2, 3, EventTime(MONDAY + 9))
    assert [offer.at - MONDAY for offer in kept] == [4, 5, 6, 7, 8]
    assert still_counting([ghost, *sent], DAY, 2, 3, EventTime(MONDAY + HOUR)) == sent[-2:]
