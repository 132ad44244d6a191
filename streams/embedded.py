"""A Kafka broker inside this process, for the demo: librdkafka's mock cluster, memory only.

It keeps about 5 MB a partition, knows no CreateTopics request (so topics are made here, through the C
interface that confluent-kafka's library brings along) and forgets everything when the process ends.
It is for demos and quick trials: it is not durable, compacts nothing and has no transactions that count.
"""

import ctypes
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka import cimpl

from schemas.errors import BrokerError

_PRODUCER = 0
_TEXT_BYTES = 512
# A creation asked for while the cluster's thread is just going to sleep waits for its next poll, one
# second later (seen in 2 of 120 calls); after a breath the thread is surely asleep and wakes at once.
_BREATH_S = 0.001


@contextmanager
def embedded_broker(topics: Iterable[str], partitions: int) -> Iterator[str]:
    """Start a broker with `topics` and yield its address, `host:port`; it ends with the block.

    Raise `BrokerError` where the library offers no mock cluster.
    """
    library = _library()
    client = _client(library)
    cluster = library.rd_kafka_mock_cluster_new(client, 1)
    if not cluster:
        library.rd_kafka_destroy(client)
        raise BrokerError(
            "embedded broker", "did not start", "use a real broker: `beckon worker` and `beckon simulate`"
        )
    try:
        for topic in topics:
            time.sleep(_BREATH_S)
            code = library.rd_kafka_mock_topic_create(cluster, topic.encode(), partitions, 1)
            if code != 0:
                raise BrokerError(
                    f"embedded broker, topic {topic}", f"not created (error {code})", "rename the topic"
                )
        yield library.rd_kafka_mock_cluster_bootstraps(cluster).decode()
    finally:
        library.rd_kafka_mock_cluster_destroy(cluster)
        library.rd_kafka_destroy(client)


def _library() -> ctypes.CDLL:
    # Looking a name up in an extension module also looks in the libraries that it was linked with.
    library = ctypes.CDLL(cimpl.__file__)
    handle, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures = {
        "rd_kafka_conf_new": (handle, []),
        "rd_kafka_conf_set": (number, [handle, text, text, text, ctypes.c_size_t]),
        "rd_kafka_new": (handle, [number, handle, text, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [handle]),
        "rd_kafka_mock_cluster_new": (handle, [handle, number]),
        "rd_kafka_mock_cluster_destroy": (None, [handle]),
        "rd_kafka_mock_cluster_bootstraps": (text, [handle]),
        "rd_kafka_mock_topic_create": (number, [handle, text, number, number]),
    }
    for name, (result, arguments) in signatures.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise BrokerError(
                "embedded broker",
                f"confluent-kafka here has no {name}",
                "install confluent-kafka from its wheel",
            ) from None
        function.restype, function.argtypes = result, arguments
    return library


def _client(library: ctypes.CDLL) -> int:
    problem = ctypes.create_string_buffer(_TEXT_BYTES)
    configuration = library.rd_kafka_conf_new()
    # Only errors: a client that lives to hold the cluster has no servers of its own, and would say so.
    library.rd_kafka_conf_set(configuration, b"log_level", b"3", problem, _TEXT_BYTES)
    client = library.rd_kafka_new(_PRODUCER, configuration, problem, _TEXT_BYTES)
    if not client:
        raise BrokerError(
            "embedded broker", problem.value.decode(errors="replace"), "reinstall confluent-kafka"
        )
    return int(client)
