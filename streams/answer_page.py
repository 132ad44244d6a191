"""What a shopper would get now, as a page: for each event that could ask, every campaign and what stands in its way."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from processors.why_not import Answer, Standing
from schemas.decisions import Decision, Outcome, Reason
from schemas.timestamps import iso_utc
from streams.pages import printable

_WORDS = {Reason.HELD_OUT: "chosen, and held out"}


def answer_page(user: str, at: int, answers: Iterable[Answer], notes: Iterable[str]) -> str:
    """Return plain text, times in UTC."""
    title = f"Shopper {user} at {iso_utc(at)}"
    lines = [printable(title), "-" * len(printable(title)), *notes]
    for answer in answers:
        lines += ["", *(printable(line) for line in _answer(answer))]
    return "\n".join(lines) + "\n"


def answers_json(user: str, at: int, answers: Iterable[Answer]) -> str:
    """Return the same as JSON."""
    tree: dict[str, Any] = {"user_id": user, "at": at, "answers": list(answers)}
    return msgspec.json.format(msgspec.json.encode(tree, order="sorted"), indent=2).decode()


def _answer(answer: Answer) -> Iterator[str]:
    what = "nothing" if answer.offered is None else answer.offered
    yield f"{answer.event} would bring {what}"
    for standing in answer.standings:
        yield f"  {standing.campaign_id}: {_standing(standing)}"
        for line in standing.lines:
            yield f"    {line}"


def _standing(standing: Standing) -> str:
    if standing.reason is None:
        return "would be offered"
    return _WORDS.get(standing.reason, standing.reason.value.replace("_", " "))


def recorded_lines(decisions: Iterable[Decision], campaign_id: str) -> Iterator[str]:
    """Yield one line per decision that had a campaign among its candidates."""
    for decision in decisions:
        for candidate in decision.candidates:
            if candidate.campaign_id == campaign_id:
                ended = "offered" if candidate.outcome is Outcome.OFFERED else str(candidate.reason)
                when = iso_utc(decision.trigger.at)[:19].replace("T", " ")
                yield printable(f"{when}  {candidate.decision_id}  {decision.trigger.event}: {ended}")
