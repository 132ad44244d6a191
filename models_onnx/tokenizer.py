"""Text -> token ids, by the tokenizer.json that belongs to the model."""

import os
from collections.abc import Sequence

from tokenizers import Tokenizer

from models_onnx import card as cards
from schemas.errors import ModelError

#: What tokenizers call a word that they do not know.
UNKNOWN = ("[UNK]", "<unk>")


class TextTokenizer:
    """Ids of one text: opening token, pieces, closing token; cut at `max_length`."""

    def __init__(self, raw: bytes, max_length: int, where: str) -> None:
        field = f"{where}/{cards.TOKENIZER_FILE}"
        # Threads of its own gain nothing for short texts and warn about forks.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            self._tokenizer = Tokenizer.from_buffer(raw)
            # The file's own padding and truncation would change what the model was trained on.
            self._tokenizer.no_padding()
            self._tokenizer.no_truncation()
        except Exception as error:  # noqa: BLE001 -- the Rust library raises plain Exception
            raise ModelError(field, f"is no tokenizer ({_first_line(error)})", cards.REMEDY) from None
        self.words = self._tokenizer.get_vocab_size(with_added_tokens=True)
        self._max_length = max_length
        blank = self._tokenizer.encode("").ids
        unknown = (self._tokenizer.token_to_id(word) for word in UNKNOWN)
        self._says_nothing = frozenset([*blank, *(piece for piece in unknown if piece is not None)])
        #: Texts that were longer than the model reads.
        self.truncated = 0

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text; an empty list for one without any known piece."""
        return [self._cut(encoding.ids) for encoding in self._tokenizer.encode_batch_fast(list(texts))]

    def words_of(self, text: str) -> list[tuple[str, frozenset[int]]]:
        """Return the words of a text that are read, as they stand in it, each with the places of its ids."""
        found = self._tokenizer.encode(text)
        places: dict[int, list[int]] = {}
        last = len(found.ids) if len(found.ids) <= self._max_length else self._max_length - 1
        for place, word in enumerate(found.word_ids[:last]):
            if word is not None:
                places.setdefault(word, []).append(place)
        return [
            (text[found.offsets[some[0]][0] : found.offsets[some[-1]][1]], frozenset(some))
            for some in places.values()
        ]

    def _cut(self, ids: list[int]) -> list[int]:
        if self._says_nothing.issuperset(ids):
            return []
        if len(ids) <= self._max_length:
            return ids
        self.truncated += 1
        return [*ids[: self._max_length - 1], ids[-1]]  # the closing token stays


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
