"""The floor of latency: a loop that reads events and passes every fiftieth on as it is, and does nothing else.

Run by `beckon bench latency`, which passes brokers and topics in `RELAY_...` variables:
`python -m benchmarks.relay`.
"""

import asyncio
import os
import sys
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

_EVERY = 50
_FETCH_WAIT_MS = 100


async def relay(settings: Mapping[str, str]) -> None:
    """Read and pass on until the process is ended."""
    servers = settings["RELAY_SERVERS"]
    consumer = AIOKafkaConsumer(
        settings["RELAY_TOPIC"],
        bootstrap_servers=servers,
        group_id=settings["RELAY_GROUP"],
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
    )
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    await consumer.start()
    await producer.start()
    sys.stdout.write("relay_ready\n")  # unbuffered, as the bench starts it
    count = 0
    while True:
        for records in (await consumer.getmany(timeout_ms=1000)).values():
            for record in records:
                count += 1
                if count % _EVERY == 0:
                    await producer.send(settings["RELAY_OUT"], record.value, record.key)


if __name__ == "__main__":
    asyncio.run(relay(os.environ))
