"""What a run has left behind, for those who ask later: the profiles and decisions of a replay's or demo's folder.

`streams.topic_archive` answers the same questions from Kafka.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct

from schemas.decisions import Decision
from schemas.errors import BeckonError, InputError
from schemas.ids import EventTime
from schemas.profiles import Profile
from streams import replay_folder
from streams.line_state import profile_from
from streams.pages import read_profile
from streams.sources import HugeLine, lines_of

Wanted = Callable[[Decision], bool]
T = TypeVar("T")
_LIKE_MAX = 3


class NotFoundError(BeckonError):
    """Nobody and nothing of that name is in the archive."""

    exit_code = 1


class Archive(Protocol):
    """Where answers come from; `name` says it to people."""

    @property
    def name(self) -> str: ...

    def profile(self, user: str) -> bytes | None:
        """Return a shopper's line of profiles.jsonl, or None."""

    def state(self, user: str) -> Profile | None:
        """Return a shopper's profile to decide with, as far as the archive knows it, or None."""

    def nobody(self, user: str) -> NotFoundError:
        """Return the one line that says that a shopper is not there."""

    def decisions(self, needle: str, wanted: Wanted) -> list[Decision]:
        """Return the wanted decisions, each once, oldest first; only records that hold `needle` are looked at."""


class _User(Struct):
    user_id: str
    last_seen: EventTime


_user_of = msgspec.json.Decoder(_User).decode
_decision_of = msgspec.json.Decoder(Decision).decode


class FolderArchive:
    """Reads a folder; raise `InputError` for one that no run has finished."""

    def __init__(self, path: Path) -> None:
        self._path = path
        for name in (replay_folder.PROFILES, replay_folder.DECISIONS, replay_folder.SUMMARY):
            if not (path / name).is_file():
                problem = f"is not a replay folder (it has no {name})" if path.is_dir() else "is not a folder"
                raise InputError(str(path), problem, "give --from what `beckon replay --out` wrote")

    @property
    def name(self) -> str:
        return str(self._path)

    def summary(self) -> dict[str, Any]:
        """Return the object of summary.json."""
        path = self._path / replay_folder.SUMMARY
        try:
            return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        except OSError as error:
            raise InputError(
                str(path), f"cannot be read ({error.strerror})", "give a readable folder"
            ) from None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputError(str(path), f"is damaged ({error})", "run the replay again") from None

    def profile(self, user: str) -> bytes | None:
        for raw, line in self._lines(replay_folder.PROFILES, user, _user_of):
            if line.user_id == user:
                return raw
        return None

    def state(self, user: str) -> Profile | None:
        raw = self.profile(user)
        if raw is None:
            return None
        try:
            line = read_profile(raw)
        except msgspec.MsgspecError as error:
            raise InputError(
                self.name, f"holds no profile of {user} ({error})", "run the replay again"
            ) from None
        mine = self.decisions(user, lambda decision: decision.user_id == user)
        return profile_from(line, self.as_of(), mine)

    def as_of(self) -> EventTime:
        """Return the time from which the profiles were seen: the summary's, else that of the newest event."""
        stated = self.summary().get("as_of")
        if isinstance(stated, int):
            return EventTime(stated)
        lines = self._lines(replay_folder.PROFILES, "", _user_of)
        return max((line.last_seen for _, line in lines), default=EventTime(0))

    def nobody(self, user: str) -> NotFoundError:
        """Return the line; it names some whose id begins alike, for a typing error or half an id."""
        folded, like = user.casefold(), list[str]()
        for _, line in self._lines(replay_folder.PROFILES, "", _user_of):
            if line.user_id.casefold().startswith(folded):
                like.append(line.user_id)
                if len(like) == _LIKE_MAX:
                    break
        hint = f"there is {', '.join(like)}" if like else "ids are compared letter by letter"
        return NotFoundError(f"shopper {user}", f"is not in {self.name}", hint)

    def decisions(self, needle: str, wanted: Wanted) -> list[Decision]:
        found = (decision for _, decision in self._lines(replay_folder.DECISIONS, needle, _decision_of))
        return [decision for decision in found if wanted(decision)]

    def _lines(self, name: str, needle: str, read: Callable[[bytes], T]) -> Iterator[tuple[bytes, T]]:
        path, part = self._path / name, as_written(needle)
        for number, raw in enumerate(lines_of(path), 1):
            if isinstance(raw, HugeLine):
                raise InputError(f"{path}:{number}", "is longer than a record may be", "run the replay again")
            if part not in raw:
                continue
            try:
                yield raw, read(raw)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise InputError(
                    f"{path}:{number}", f"is damaged ({error})", "run the replay again"
                ) from None


def as_written(text: str) -> bytes:
    r"""Return a text as it stands inside of a JSON string of ours; what no JSON can hold becomes `?`.

    >>> as_written('size 9"')
    b'size 9\\"'
    """
    return msgspec.json.encode(text.encode("utf-8", "replace").decode())[1:-1]
