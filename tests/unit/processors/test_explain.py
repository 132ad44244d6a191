from processors.explain import why_page
from processors.side_inputs import SideInputs
from tests.support.story import HOUR, MONDAY, campaigns_of, consent, tell, track

YES = consent(MONDAY, marketing=True)
VIEW = track("Product Viewed", MONDAY, "m1", product_id="p", category="shoes")
RUN = {"id": "run", "when": {"feature": "affinity", "tag": "shoes", "at_least": 0.5}}


def test_an_offer_says_what_happened_which_rule_and_what_would_have_changed_it() -> None:
    told = tell(campaigns_of(RUN, {"id": "other", "priority": -1}), [YES, VIEW])
    page = why_page(told.decision)
    for line in (
        "Shopper ann: Product Viewed at 2026-03-02T00:00:00.000Z (message m1).",
        "Promotion p of campaign run was offered.",
        "  yes: interest in shoes is 1.0, at least 0.5 needed",
        "  yes: the shopper allows marketing",
        "  - 0.51 less interest in shoes",
        "  - withdrawn consent to marketing",
        "  not sent [lost_arbitration]: another campaign was worth more",
        "  what would have changed it: priority 1",
        "  affinity(shoes) = 1.0",
        "  consent: profiling yes, marketing yes, training no",
    ):
        assert line in page.splitlines(), line


def test_a_refusal_says_the_step_that_stopped_it_and_its_flip() -> None:
    page = why_page(tell(campaigns_of(RUN), [VIEW]).decision)
    for line in (
        "No promotion: the one campaign that fitted was stopped.",
        "  not sent [no_consent]: consent is missing",
        "  no: the shopper has not agreed to marketing",
        "  what would have changed it: consent to marketing",
    ):
        assert line in page.splitlines(), line


def test_a_ghost_offer_is_called_a_hold_out() -> None:
    page = why_page(tell(campaigns_of({**RUN, "hold_out": 1.0}), [YES, VIEW]).decision)
    assert "was chosen but not sent: the shopper belongs to the hold-out group" in page
    assert "  It would have been sent with a hold-out of " in page


def test_an_alternative_that_was_not_needed_does_not_look_like_a_fault() -> None:
    when = {"any": [{"feature": "clicks", "at_least": 1}, {"feature": "views", "at_least": 1}]}
    page = why_page(tell(campaigns_of({"id": "c", "when": when}), [YES, VIEW]).decision)
    assert "  no, but not needed: number of product clicks is 0, at least 1 needed" in page.splitlines()


def test_a_late_event_and_earlier_offers_are_told() -> None:
    late = track("Product Viewed", MONDAY - HOUR, "m0", product_id="p")
    side = SideInputs(model_versions={"tags": "7"})
    page = why_page(tell(campaigns_of(RUN), [YES, VIEW, late], side).decision)
    assert "by then the shopper had been seen at 2026-03-02T00:00:00.000Z" in page
    assert "  earlier offers of run: 2026-03-02T00:00:00.000Z" in page.splitlines()
    assert "  model tags, version 7" in page.splitlines()
