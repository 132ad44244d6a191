"""A WordPiece vocabulary from the shop's own texts, as tokenizer.json."""

import os
from collections.abc import Iterable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

PAD, UNKNOWN, START, END, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def train_wordpiece(texts: Iterable[str], words_max: int) -> bytes:
    """Return tokenizer.json of at most `words_max` pieces; the padding's id is 0."""
    os.environ.setdefault(
        "TOKENIZERS_PARALLELISM", "false"
    )  # one order of counting: the same file every time
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=words_max, min_frequency=2, special_tokens=list(SPECIAL), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[(word, tokenizer.token_to_id(word)) for word in (START, END)],
    )
    return tokenizer.to_str(pretty=False).encode()
