"""What the demo leaves behind: a replay folder, so that `why` and `profile` read it like any other."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from processors.policy import ProfilePolicy
from processors.profile_page import profile_line
from schemas.decisions import Outcome
from schemas.errors import InputError
from schemas.ids import EventTime
from streams import replay_folder
from streams.demo.tally import Tally, sorted_rows
from streams.records import profile_json
from streams.replay_folder import write_dead_letter


def clear(folder: Path) -> None:
    """Make the folder and forget an earlier demo's results: a demo that fails must not show old ones."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in replay_folder.FILES:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            str(folder), f"cannot be written ({error.strerror})", "start in another folder"
        ) from None


def summarize(tally: Tally, worker: Mapping[str, int], about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object of `summary.json`; `worker` holds counts that only the worker knows."""
    return {
        **about,
        "produced": tally.produced,
        "applied": len(tally.applied),
        "dead_lettered": len(tally.dead),
        "dead_letters": _most_common(dead.letter.reason.value for dead in tally.dead.values()),
        "profiles": len(tally.profiles),
        "decisions": len(tally.decisions),
        "outcomes": {outcome.value: tally.outcomes[outcome.value] for outcome in Outcome},
        "offered": len(tally.promotions),
        "revoked": len(tally.revoked),
        "offered_by_campaign": dict(tally.offered_by_campaign.most_common()),
        "suppressed": dict(tally.reasons.most_common()),
        "interest_match": _rounded(tally.interest_match()),
        "interest_match_if_guessing": _rounded(tally.match_by_guessing()),
        "model_calls": worker["model_calls"],
        "texts_scored": worker["texts_scored"],
        "fallbacks": worker["fallbacks"],
        "latency_ms": {"p50": _rounded(tally.latency_ms(0.5)), "p99": _rounded(tally.latency_ms(0.99))},
    }


def write(folder: Path, tally: Tally, summary: dict[str, Any], policy: ProfilePolicy) -> None:
    """Write the five files of a replay folder, the summary last."""
    try:
        _write_lines(folder / replay_folder.PROFILES, _profiles(tally, policy))
        _write_lines(folder / replay_folder.DECISIONS, sorted_rows(tally.decisions))
        _write_lines(folder / replay_folder.PROMOTIONS, promotions_of(tally))
        with (folder / replay_folder.DEAD_LETTERS).open("wb") as file:
            for dead in sorted(tally.dead.values()):
                write_dead_letter(file, dead.source, dead.offset + 1, dead.raw, dead.letter)
        text = msgspec.json.format(msgspec.json.encode(summary), indent=2)
        (folder / replay_folder.SUMMARY).write_bytes(text + b"\n")
    except OSError as error:
        raise InputError(
            str(folder), f"cannot be written ({error.strerror})", "make room or start elsewhere"
        ) from None


def _profiles(tally: Tally, policy: ProfilePolicy) -> list[bytes]:
    as_of = max((profile.last_seen for profile in tally.profiles.values()), default=EventTime(0))
    return [
        profile_json(profile_line(profile, as_of, policy)) for _, profile in sorted(tally.profiles.items())
    ]


def _write_lines(path: Path, lines: list[bytes]) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def _most_common(reasons: Iterable[str]) -> dict[str, int]:
    return dict(Counter(reasons).most_common())


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def promotions_of(tally: Tally) -> list[bytes]:
    """Return offers and what took them back in one order; of one trigger, what it took back comes first."""
    rows = [*tally.revoked.values(), *tally.promotions.values()]
    return [row.raw for row in sorted(rows, key=lambda row: (row.at, row.digest, row.user_id))]
