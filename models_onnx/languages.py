"""What pre-training learns, as tasks: hidden words of a text (an encoder), or its next word (a decoder).

Needs `beckon[train]`. Sources: Devlin et al.: "BERT", NAACL 2019, section 3.1 (15 % of the words; of those 80 %
hidden, 10 % another word, 10 % as they are); Radford et al.: "Language Models are Unsupervised Multitask
Learners", 2019.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random
from typing import Any

import torch

from models_onnx.epochs import Ids, in_windows, padded
from models_onnx.fit import Judged, Rates
from models_onnx.plan import Plan
from models_onnx.scorer import batches

_HIDDEN_SHARE = 0.15
_AS_MASK, _AS_OTHER = 0.8, 0.1
_JUDGE_TOKENS = 4096
_JUDGE_SEED = 20260101
#: Weight of the pair in the plain baseline: a word after the one before, else the word alone.
_PAIR_WEIGHT = 0.7
_IGNORED = -100

_Row = tuple[Ids]
#: Ids as shown, mask, and at each place the word asked for there (`_IGNORED`: none).
Puzzle = tuple[Any, Any, Any]


class Words:
    """The task of finding words; what is to be found is `puzzle`'s affair."""

    def __init__(
        self,
        module: Any,
        texts: tuple[Sequence[Ids], Sequence[Ids]],
        plan: Plan,
        pad_id: int,
        rate: float,
        puzzle: Callable[[Any, Any, Any], Puzzle],
    ) -> None:
        self.module = module
        self.rng = Random(plan.seed)
        self.rates: Rates = [(list(module.parameters()), plan.learning_rate or rate)]
        self._train: list[_Row] = [(ids,) for ids in texts[0]]
        self._choose = texts[1]
        self.calls = math.ceil(len(self._train) / plan.batch_texts)
        self._plan, self._pad_id, self._puzzle = plan, pad_id, puzzle

    def batches(self) -> Sequence[list[_Row]]:
        return list(in_windows(self._train, self._plan.batch_texts, self.rng))

    def loss(self, batch: list[_Row]) -> Any:
        logits, truth = self._found([ids for (ids,) in batch], None)
        return torch.nn.functional.cross_entropy(logits, truth)

    def judge(self) -> Judged:
        """Judge by the words of the choosing texts, the same ones every time."""
        chance = torch.Generator().manual_seed(_JUDGE_SEED)
        loss, right, count = 0.0, 0, 0
        for numbers in batches([len(ids) for ids in self._choose], _JUDGE_TOKENS):
            logits, truth = self._found([self._choose[number] for number in numbers], chance)
            loss += float(torch.nn.functional.cross_entropy(logits, truth, reduction="sum"))
            right += int((logits.argmax(dim=-1) == truth).sum())
            count += len(truth)
        return Judged(loss / max(1, count), right / max(1, count))

    def truths(self) -> list[tuple[int, int]]:
        """Return (the word at a place, the word asked for there) of all choosing texts, for the baseline."""
        chance = torch.Generator().manual_seed(_JUDGE_SEED)
        found: list[tuple[int, int]] = []
        for numbers in batches([len(ids) for ids in self._choose], _JUDGE_TOKENS):
            some = [self._choose[number] for number in numbers]
            ids, mask = padded(some, self._pad_id, "cpu")
            _, _, truth = self._puzzle(ids, mask, chance)
            wanted = truth.ne(_IGNORED)
            found += zip(ids[wanted].tolist(), truth[wanted].tolist(), strict=True)
        return found

    def _found(self, texts: Sequence[Ids], chance: Any) -> tuple[Any, Any]:
        ids, mask = padded(texts, self._pad_id, "cpu")
        shown, mask, truth = (part.to(self._plan.device) for part in self._puzzle(ids, mask, chance))
        wanted = truth.ne(_IGNORED)
        return logits_at(self.module, shown, mask, wanted), truth[wanted]


def logits_at(module: Any, ids: Any, mask: Any, wanted: Any) -> Any:
    """Return logits, float[words wanted, vocabulary]; of a BERT or GPT-2 no others are even computed."""
    if hasattr(module, "bert"):
        return module.cls(module.bert(input_ids=ids, attention_mask=mask).last_hidden_state[wanted])
    if hasattr(module, "transformer") and hasattr(module, "lm_head"):
        return module.lm_head(
            module.transformer(input_ids=ids, attention_mask=mask).last_hidden_state[wanted]
        )
    logits = module(input_ids=ids, attention_mask=mask).logits
    return logits[wanted]


def hidden_words(special: Sequence[int], mask_id: int, words: int) -> Callable[[Any, Any, Any], Puzzle]:
    """Return what hides words of a batch; `special` ids are never hidden."""
    never = torch.tensor(sorted(special))

    def puzzle(ids: Any, mask: Any, chance: Any) -> Puzzle:
        dice = torch.rand(ids.shape, generator=chance)
        free = mask.bool() & ~torch.isin(ids, never)
        hidden = free & (dice < _HIDDEN_SHARE)
        if not hidden.any():
            hidden = free & (dice == dice.masked_fill(~free, 2.0).min())
        truth = ids.masked_fill(~hidden, _IGNORED)
        how = torch.rand(ids.shape, generator=chance)
        others = torch.randint(0, words, ids.shape, generator=chance)
        shown = torch.where(hidden & (how < _AS_MASK), torch.full_like(ids, mask_id), ids)
        other = hidden & (how >= _AS_MASK) & (how < _AS_MASK + _AS_OTHER)
        return torch.where(other, others, shown), mask, truth

    return puzzle


def next_words(ids: Any, mask: Any, chance: Any) -> Puzzle:
    """Ask at every word for the one after it."""
    truth = torch.full_like(ids, _IGNORED)
    truth[:, :-1] = ids[:, 1:].masked_fill(mask[:, 1:] == 0, _IGNORED)
    return ids, mask, truth


def baseline_loss(
    train: Sequence[Ids], asked: Sequence[tuple[int, int]], words: int, *, pairs: bool
) -> float:
    """Return the mean loss of plain counts: how frequent a word is, or how often it follows the one before."""
    singles = Counter(word for ids in train for word in ids[1:])
    total = sum(singles.values())
    follows = Counter(pair for ids in train for pair in pairwise(ids))
    before = Counter(word for ids in train for word in ids[:-1])
    loss = 0.0
    for one, two in asked:
        share = (singles[two] + 1) / (total + words)
        if pairs and before[one]:
            share = _PAIR_WEIGHT * follows[one, two] / before[one] + (1 - _PAIR_WEIGHT) * share
        loss -= math.log(share)
    return loss / max(1, len(asked))
