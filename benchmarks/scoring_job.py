"""What the processes of `beckon bench scoring` tell each other. Light: the engines import it first."""

from msgspec import Struct

TORCH, GRAPH, TOKENIZER, FACTS = "torch", "model.onnx", "tokenizer.json", "facts.json"
GRAPH_INT8 = "model.int8.onnx"
MAX_LENGTH = 64


class Facts(Struct, frozen=True):
    """What the engines and the roof need to know; `inner`: width of the feed-forward layers."""

    layers: int
    width: int
    inner: int
    labels: int
    pad_id: int

    def flops(self, tokens: int) -> int:
        """Return the floating point operations of one text: two per multiplication in a matrix product.

        Per token and layer 4 products with width x width, 2 with width x inner, and both of attention.
        """
        per_token = 8 * self.width**2 + 4 * self.width * self.inner + 4 * self.width * tokens
        return self.layers * per_token * tokens


class Order(Struct, frozen=True):
    """`batches`: texts per request; each is measured for `seconds`. `core` None: not pinned."""

    engine: str
    folder: str
    provider: str
    texts: tuple[str, ...]
    batches: tuple[int, ...]
    seconds: float
    core: int | None


class Timed(Struct, frozen=True):
    """`durations`: batch -> seconds of each request. `cpu_seconds`: batch -> what the process computed for them all.

    `scores`: of the first texts, to compare engines. `peak_flops`: floating point operations per second of a
    large matrix product, of the engine `matmul` only.
    """

    durations: dict[int, list[float]] = {}
    cpu_seconds: dict[int, float] = {}
    scores: list[list[float]] = []
    peak_flops: float = 0.0
    version: str = ""

    def texts_per_s(self, batch: int, provider: str) -> float:
        """Return the speed at a batch size: per CPU second, which other processes do not slow; on a GPU per second."""
        some = self.durations[batch]
        return batch * len(some) / (sum(some) if provider == "cuda" else self.cpu_seconds[batch])
