"""Whom we measure: each engine runs one task in a process of its own and says how it went.

Another rival is one more entry of `ENGINES` and a module that runs it.
"""

from functools import partial

from benchmarks import beckon_worker, replay_engine, stock, streams_engine
from benchmarks.beckon_worker import ATOMIC_STEP, TAG_MODEL, Variant, atomic_step_missing, model_missing
from benchmarks.task import Engine

WORKER = "worker"
STOCK = "stock"
STREAMS = "kafka_streams"

_PLAIN = Variant(WORKER)
_AT_LEAST_ONCE = Variant("worker_plain", settings={"worker": {ATOMIC_STEP: False}})
_MODEL = Variant("worker_model", tags=TAG_MODEL)

ENGINES: tuple[Engine, ...] = (
    Engine(STOCK, "stock Faust agent with a table", stock.run, slow=True),
    Engine(STREAMS, "Kafka Streams, tuned", streams_engine.at_least_once, missing=streams_engine.missing),
    Engine(
        "kafka_streams_eos",
        "Kafka Streams, exactly once",
        streams_engine.exactly_once,
        missing=streams_engine.missing,
    ),
    Engine(WORKER, "Beckon worker, no model", partial(beckon_worker.run, variant=_PLAIN)),
    Engine(
        "worker_plain",
        "Beckon worker, atomic step off",
        partial(beckon_worker.run, variant=_AT_LEAST_ONCE),
        missing=lambda _, __: atomic_step_missing(),
    ),
    Engine(
        "worker_model",
        "Beckon worker with its model",
        partial(beckon_worker.run, variant=_MODEL),
        slow=True,
        missing=lambda _, models: model_missing(models),
    ),
    Engine(
        "worker_pair",
        "two Beckon workers, no model",
        partial(beckon_worker.run, variant=Variant("worker_pair", others=1)),
    ),
    Engine("replay", "Beckon replay, from a file", replay_engine.run),
)
#: What runs when nobody chooses.
USUAL = (STOCK, STREAMS, WORKER, "worker_plain", "worker_model", "replay")
#: By the number of processes that share the work.
PROCESSES = {1: WORKER, 2: "worker_pair"}
