"""One engine of `beckon bench scoring`, alone in a process on one core: `python -m benchmarks.scoring_engine`.

The order comes on standard input, the durations go to standard output. What is imported here and when matters:
numpy and PyTorch read their number of threads once.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from benchmarks.scoring_job import (
    FACTS,
    GRAPH,
    GRAPH_INT8,
    MAX_LENGTH,
    TOKENIZER,
    TORCH,
    Facts,
    Order,
    Timed,
)

#: Texts -> one row of scores per text, as the engine gives them.
Score = Callable[[Sequence[str]], Any]
_MATMUL = 2048
_MATMUL_GPU = 8192
_BATCH_TOKENS = {"cpu": 512, "cuda": 16_384}


def main() -> None:
    """Do what standard input says."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    if order.core is not None:
        os.sched_setaffinity(0, {order.core})
    if order.engine == "matmul":
        found = Timed(peak_flops=_peak(order))
    elif order.engine == "memory":
        found = Timed(durations=_memory(order))
    else:
        score, version = ENGINES[order.engine](Path(order.folder), order.provider)
        first = [[float(value) for value in row] for row in score(order.texts[:32])]
        durations, cpu_seconds = {}, {}
        for batch in order.batches:
            durations[batch], cpu_seconds[batch] = _requests(score, order, batch)
        found = Timed(durations, cpu_seconds, first, version=version)
    sys.stdout.write(msgspec.json.encode(found).decode())


def _requests(score: Score, order: Order, batch: int) -> tuple[list[float], float]:
    texts, found, place = order.texts, list[float](), 0
    score(texts[:batch])
    computed = time.process_time()
    until = time.perf_counter() + order.seconds
    while not found or time.perf_counter() < until:
        asked = [texts[(place + number) % len(texts)] for number in range(batch)]
        place += batch
        started = time.perf_counter()
        score(asked)
        found.append(time.perf_counter() - started)
    return found, time.process_time() - computed


def _beckon(folder: Path, provider: str) -> tuple[Score, str]:
    return _onnx(folder, provider, GRAPH)


def _beckon_int8(folder: Path, provider: str) -> tuple[Score, str]:
    score, version = _onnx(folder, provider, GRAPH_INT8)
    return score, f"{version}, 8-bit products"


def _onnx(folder: Path, provider: str, graph: str) -> tuple[Score, str]:
    import numpy as np
    import onnxruntime

    from models_onnx.provider import open_session
    from models_onnx.runtime import TagModel
    from models_onnx.scorer import batches
    from models_onnx.tokenizer import TextTokenizer

    session, used = open_session((folder / graph).read_bytes(), provider)
    tokenizer = TextTokenizer((folder / TOKENIZER).read_bytes(), MAX_LENGTH, TOKENIZER)
    model = TagModel(_card(folder), "", used, tokenizer, session)

    def score(texts: Sequence[str]) -> Any:
        rows = model.encode(texts)
        found = np.zeros((len(rows), len(model.card.labels)))
        for batch in batches([len(row) for row in rows], _BATCH_TOKENS[used], model.pad_tokens):
            found[batch] = model.scores([rows[number] for number in batch])
        return found

    return score, f"onnxruntime {onnxruntime.__version__} on {used}"


class _Said(Struct, frozen=True):
    """What scoring reads of a card; this model is never registered."""

    labels: tuple[str, ...]
    pad_id: int
    max_length: int
    name: str = "bench"
    version: str = "1"


def _card(folder: Path) -> Any:

    facts = msgspec.json.decode((folder / FACTS).read_bytes(), type=Facts)
    labels = tuple(f"label-{number}" for number in range(facts.labels))
    return _Said(labels, facts.pad_id, MAX_LENGTH)


def _torch(folder: Path, provider: str) -> tuple[Score, str]:
    return _transformers(folder, provider, compiled=False)


def _torch_compiled(folder: Path, provider: str) -> tuple[Score, str]:
    return _transformers(folder, provider, compiled=True)


def _transformers(folder: Path, provider: str, *, compiled: bool) -> tuple[Score, str]:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder / TORCH, use_fast=True)
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder / TORCH).eval().to(provider)
    if provider == "cuda":
        model = model.half()
    if compiled:
        model = torch.compile(model, dynamic=True)

    def score(texts: Sequence[str]) -> Any:
        ids = tokenizer(
            list(texts), padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt"
        )
        with torch.inference_mode():
            logits = model(ids["input_ids"].to(provider), ids["attention_mask"].to(provider)).logits
            return torch.softmax(logits.float(), dim=-1).cpu().numpy()

    return score, f"torch {torch.__version__}{', compiled' if compiled else ''} on {provider}"


def _sentence_transformers(folder: Path, provider: str) -> tuple[Score, str]:
    import sentence_transformers
    import torch
    from sentence_transformers import SentenceTransformer, models

    torch.set_num_threads(1)
    encoder = models.Transformer(str(folder / TORCH), max_seq_length=MAX_LENGTH)
    pooling = models.Pooling(encoder.get_word_embedding_dimension(), pooling_mode="cls")
    model = SentenceTransformer(modules=[encoder, pooling], device=provider)
    if provider == "cuda":
        model.half()

    def score(texts: Sequence[str]) -> Any:
        # It stops at the embedding, so it does a little less than the others.
        return model.encode(list(texts), batch_size=32, show_progress_bar=False)

    return score, f"sentence-transformers {sentence_transformers.__version__} on {provider}"


def _peak(order: Order) -> float:
    if order.provider == "cuda":
        return _peak_cuda(order.seconds)
    import numpy as np

    rng = np.random.default_rng(0)
    one, other = (rng.random((_MATMUL, _MATMUL), dtype=np.float32) for _ in range(2))
    return 2 * _MATMUL**3 / _fastest(lambda: one @ other, order.seconds, time.process_time)


def _peak_cuda(seconds: float) -> float:
    import torch

    one, other = (torch.rand(_MATMUL_GPU, _MATMUL_GPU, device="cuda").half() for _ in range(2))

    def product() -> None:
        one @ other
        torch.cuda.synchronize()

    return float(2 * _MATMUL_GPU**3 / _fastest(product, seconds, time.perf_counter))


def _fastest(call: Callable[[], object], seconds: float, clock: Callable[[], float]) -> float:
    call()
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        started = clock()
        call()
        best = min(best, clock() - started)
    return best


def _memory(order: Order) -> dict[int, list[float]]:
    """Return seconds per round of all texts: under 0 from a dict of Python, under 1 from the tagger's memory."""
    from models_onnx.memory import Memory

    texts = list(order.texts)
    plain = dict.fromkeys(texts, ())
    memory = Memory(len(texts))
    memory.keep(plain)
    looks: list[Callable[[], object]] = [
        lambda: {text: plain.get(text) for text in texts},
        lambda: memory.find(texts),
    ]
    found: dict[int, list[float]] = {0: [], 1: []}
    until = time.perf_counter() + order.seconds
    while time.perf_counter() < until:
        for number, look in enumerate(looks):
            started = time.perf_counter()
            look()
            found[number].append(time.perf_counter() - started)
    return found


ENGINES: dict[str, Callable[[Path, str], tuple[Score, str]]] = {
    "beckon": _beckon,
    "beckon_int8": _beckon_int8,
    "torch": _torch,
    "torch_compiled": _torch_compiled,
    "sentence_transformers": _sentence_transformers,
}

if __name__ == "__main__":
    main()
