"""The tags of the texts seen last, by text, for one model: another model has a memory of its own."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import islice
from threading import Lock

from schemas.ids import Tags


class Memory:
    """Keeps at most `texts_max` texts; the one not asked for longest goes first. Safe between threads."""

    def __init__(self, texts_max: int) -> None:
        self._texts_max = texts_max
        self._tags: OrderedDict[str, Tags] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._tags)

    def find(self, texts: Iterable[str]) -> dict[str, Tags]:
        """Return the tags of those texts that are known."""
        tags, found = self._tags, {}
        with self._lock:
            for text in texts:
                known = tags.get(text)
                if known is not None:
                    tags.move_to_end(text)
                    found[text] = known
        return found

    def newest(self, texts_max: int) -> list[str]:
        """Return the texts asked for last, newest first."""
        with self._lock:
            return list(islice(reversed(self._tags), texts_max))

    def keep(self, some: Mapping[str, Tags]) -> None:
        """Remember the tags of some texts."""
        with self._lock:
            self._tags.update(some)
            while len(self._tags) > self._texts_max:
                self._tags.popitem(last=False)
