"""A live worker's page: named as Prometheus wants it, and its numbers are those of the events sent."""

from pathlib import Path
from urllib.request import urlopen

from streams.metrics import all_declared
from tests.support.kafka import Topics
from tests.support.mirrored import now_ms
from tests.support.prometheus import promtool
from tests.support.shopping import Sent
from tests.support.stand import stand_on
from tests.support.workers import until


def viewed(n: int) -> Sent:
    value = (
        f'{{"type":"track","event":"Product Viewed","messageId":"m{n}","timestamp":{now_ms()},"userId":"ann",'
        '"properties":{"product_id":"p1","category":"running-shoes"}}'
    )
    return Sent("clicks", "ann", value.encode())


def test_a_live_worker_tells_what_it_does(topics: Topics, tmp_path: Path) -> None:
    stand = stand_on(topics, tmp_path)
    with stand.workers() as (worker,):
        worker.wait_ready()
        stand.broker.produce([viewed(n) for n in range(5)])
        stand.broker.produce([Sent("clicks", "ann", b"{")])
        stand.wait_drained([worker])
        clicks = f'topic="{topics.prefix}clicks"'

        def is_told() -> bool:
            lags = {
                name: value
                for name, value in worker.metrics().items()
                if "lag_records" in name and clicks in name
            }
            return len(lags) == 4 and set(lags.values()) == {0.0}

        until(is_told, 10, "every partition of the topic is told, and none is behind")
        found = worker.metrics()
        assert found["beckon_event_to_decision_seconds_count"] == 6
        assert found['beckon_dead_letters_total{reason="not_json"}'] == 1
        assert found["beckon_watermark_timestamp_seconds"] <= now_ms() / 1000
        assert found["beckon_ready"] == 1
        address = worker.address()
        assert address is not None
        with urlopen(f"{address}/metrics", timeout=5) as answer:
            page: bytes = answer.read()
    assert promtool("check", "metrics", text=page) == ""
    shown = {line.split()[2] for line in page.decode().splitlines() if line.startswith("# TYPE")}
    assert shown <= {one.name for one in all_declared()}
