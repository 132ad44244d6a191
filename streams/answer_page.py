"""What a shopper would get now, as a page: for each event that could ask, every campaign and what stands in its way."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from processors.explain import line_under
from processors.why_not import Answer, Standing
from processors.words.en import ENGLISH
from processors.words.shape import Words
from schemas.decisions import Decision
from schemas.timestamps import iso_utc
from streams.pages import printable


def answer_page(
    user: str, at: int, answers: Iterable[Answer], notes: Iterable[str], words: Words = ENGLISH
) -> str:
    """Return plain text, times in UTC; the answers' own lines are in the language that they were asked in."""
    title = printable(words.answer.title.format(shopper=user, at=iso_utc(at)))
    lines = [title, line_under(title), *notes]
    for answer in answers:
        lines += ["", *(printable(line) for line in _answer(answer, words))]
    return "\n".join(lines) + "\n"


def answers_json(user: str, at: int, answers: Iterable[Answer]) -> str:
    """Return the same as JSON."""
    tree: dict[str, Any] = {"user_id": user, "at": at, "answers": list(answers)}
    return msgspec.json.format(msgspec.json.encode(tree, order="sorted"), indent=2).decode()


def _answer(answer: Answer, words: Words) -> Iterator[str]:
    say, offer = words.answer, answer.offer
    what = say.nothing
    if offer is not None:
        what = say.promotion.format(promotion=offer.promotion_id, campaign=offer.campaign_id)
    yield say.would_bring.format(event=answer.event, what=what)
    for standing in answer.standings:
        text = say.standing.format(campaign=standing.campaign_id, standing=_standing(standing, words))
        yield f"  {text}"
        for line in standing.lines:
            yield f"    {line}"


def _standing(standing: Standing, words: Words) -> str:
    say = words.answer
    return say.would_be_offered if standing.reason is None else say.stops[standing.reason]


def recorded_lines(decisions: Iterable[Decision], campaign_id: str, words: Words = ENGLISH) -> Iterator[str]:
    """Yield one line per decision that had a campaign among its candidates."""
    say = words.profile
    for decision in decisions:
        for candidate in decision.candidates:
            if candidate.campaign_id == campaign_id:
                reason = candidate.reason
                ended = say.was_offered if reason is None else say.stops[reason]
                when = iso_utc(decision.trigger.at)[:19].replace("T", " ")
                yield printable(f"{when}  {candidate.decision_id}  {decision.trigger.event}: {ended}")
