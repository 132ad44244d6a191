"""A promotion as a page: what was sent and why, from the promotion alone, where the decision record is not at hand."""

from collections.abc import Iterable, Iterator

from processors.explain import line_under
from processors.words.en import ENGLISH
from processors.words.shape import Words
from schemas.decisions import Promotion
from schemas.timestamps import iso_utc


def promotion_page(promotion: Promotion, words: Words = ENGLISH) -> str:
    """Return plain text, times in UTC: what happened, what was sent, for which reasons and from what.

    What else was considered is in the decision record only, and the page says so.
    """
    sections = (
        (words.what_happened, _happened(promotion, words)),
        (words.what_was_decided, _sent(promotion, words)),
        (words.why_campaign.format(campaign=promotion.campaign_id), _reasons(promotion, words)),
        (words.made_from, _inputs(promotion, words)),
    )
    return "\n\n".join("\n".join((title, line_under(title), *lines)) for title, lines in sections) + "\n"


def inbox_lines(promotions: Iterable[Promotion], words: Words = ENGLISH) -> Iterator[str]:
    """Yield one line per promotion: since when, the id to ask `why` with, what it is, until when."""
    for promotion in promotions:
        yield words.profile.waiting.format(
            at=iso_utc(promotion.trigger.at)[:19].replace("T", " "),
            decision=promotion.decision_id,
            promotion=promotion.promotion_id,
            campaign=promotion.campaign_id,
            until=iso_utc(promotion.expires_at)[:19].replace("T", " "),
        )


def _happened(promotion: Promotion, words: Words) -> Iterator[str]:
    trigger = promotion.trigger
    yield words.happened.format(
        shopper=promotion.user_id, event=trigger.event, at=iso_utc(trigger.at), message=trigger.message_id
    )


def _sent(promotion: Promotion, words: Words) -> Iterator[str]:
    yield words.offered.format(promotion=promotion.promotion_id, campaign=promotion.campaign_id)
    if promotion.copy is not None:
        yield f"  {promotion.copy.text}"
    yield words.holds_until.format(at=iso_utc(promotion.expires_at))
    yield words.decision.format(decision=promotion.decision_id)


def _reasons(promotion: Promotion, words: Words) -> Iterator[str]:
    for reason in promotion.reasons:
        yield f"  {words.passed.format(sentence=words.said(reason.sentence))}"
    if not promotion.reasons:
        yield f"  {words.no_conditions}"


def _inputs(promotion: Promotion, words: Words) -> Iterator[str]:
    for name, version in promotion.model_versions.items():
        yield f"  {words.model.format(name=name, version=version)}"
    yield f"  {words.campaign_file.format(digest=promotion.policy_digest)}"
    yield f"  {words.no_record}"
