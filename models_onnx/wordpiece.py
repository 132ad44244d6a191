"""A WordPiece vocabulary from the shop's own texts, as tokenizer.json."""

import os
from collections import Counter
from collections.abc import Sequence

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

PAD, UNKNOWN, START, END, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
#: Chinese alone uses some thousands.
LETTERS_MAX = 6000


def train_wordpiece(texts: Sequence[str], words_max: int) -> bytes:
    """Return tokenizer.json of at most `words_max` pieces (letters always, whatever the bound); padding is 0."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    learner = _tokenizer(models.WordPiece(unk_token=UNKNOWN))
    letters, inside = _letters(learner, texts)
    # Left to itself the trainer numbers the pieces of one letter in the order of a hash table that is another
    # one in every process, and breaks ties by those numbers. So they get theirs from us.
    given = [*SPECIAL, *(f"##{letter}" for letter in inside)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=words_max,
        min_frequency=2,
        special_tokens=given,
        initial_alphabet=letters,
        limit_alphabet=len(letters),
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    return _finished(learner.get_vocab(with_added_tokens=True))


def _finished(vocabulary: dict[str, int]) -> bytes:
    # Built anew: what we only numbered must not be special to the reader of texts.
    tokenizer = _tokenizer(models.WordPiece(vocabulary, unk_token=UNKNOWN))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[(word, vocabulary[word]) for word in (START, END)],
    )
    return tokenizer.to_str(pretty=False).encode()


def _tokenizer(model: models.WordPiece) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def _letters(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the most frequent letters, and those of them that occur inside words; both sorted."""
    seen: Counter[str] = Counter()
    inside: set[str] = set()
    for text in texts:
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text)):
            seen.update(word)
            inside.update(word[1:])
    kept = sorted(sorted(seen), key=lambda letter: -seen[letter])[:LETTERS_MAX]
    return sorted(kept), sorted(inside.intersection(kept))
