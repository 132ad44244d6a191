"""The report of a bench: ratios per round, medians, and a table that says where it ran."""

from benchmarks.events import Job, Load
from benchmarks.report import EngineRuns, finish, ratios, table
from benchmarks.stand import Machine

PEER = Load(Job.PEER, 5_000)
MACHINE = Machine("Some CPU", 2, broker_core=0, engine_core=1, python="3.11.7", kafka="4.3.1")


def runs(events: int, per_s: list[float], per_cpu: list[float]) -> EngineRuns:
    steady = [rate + 100.0 for rate in per_cpu]
    return EngineRuns(events, per_s, per_cpu, steady, promotions=[2] * len(per_s), load=[0.5] * len(per_s))


def test_a_ratio_compares_the_two_runs_of_one_round() -> None:
    assert ratios([30_000.0, 10_000.0, 45_000.0], [3_000.0, 2_500.0, 3_000.0]) == [10.0, 4.0, 15.0]


def test_the_report_has_the_median_ratio_of_cpu_rates_to_stock_faust() -> None:
    stock = runs(1_000, [9.0, 9.0, 9.0], [3_000.0, 2_500.0, 3_000.0])
    worker = runs(5_000, [1.0, 1.0, 1.0], [30_000.0, 10_000.0, 45_000.0])
    report = finish(PEER, 3, MACHINE, {"stock": stock, "worker": worker}, {})
    assert report.engines["worker"].ratio_to_stock == [10.0, 4.0, 15.0]
    assert report.engines["stock"].ratio_to_stock == [1.0, 1.0, 1.0]
    assert report.ratio == {"faust": 10.0}


def test_without_stock_faust_there_is_no_ratio() -> None:
    report = finish(PEER, 1, MACHINE, {"worker": runs(5_000, [20_000.0], [30_000.0])}, {})
    assert report.ratio == {}
    assert report.engines["worker"].ratio_to_stock == []


def test_the_table_shows_minimum_median_and_maximum_and_what_is_left_out() -> None:
    stock = runs(1_000, [3_000.0, 2_900.0, 3_100.0], [3_000.0, 3_000.0, 3_000.0])
    worker = runs(5_000, [20_000.0, 40_000.0, 21_000.0], [33_000.0, 60_000.0, 36_000.0])
    left_out = {"worker_cold": "no model in models/tags"}
    lines = table(finish(PEER, 3, MACHINE, {"stock": stock, "worker": worker}, left_out)).splitlines()
    assert lines[1].split()[-9:] == "table 3 1,000 2,900 3,000 3,100 3,000 3,100 1.0".split()
    assert lines[2].split()[-9:] == "model 3 5,000 20,000 21,000 40,000 36,000 36,100 12.0".split()
    assert lines[-1] == "left out: worker_cold: no model in models/tags"
    assert lines[-3] == "load average 0.5 to 0.5 before the runs"
    assert lines[-2] == "Some CPU, 2 cores: broker on 0, engine on 1; Python 3.11.7, Kafka 4.3.1"


def test_kafka_streams_is_compared_as_a_whole_and_in_its_steady_half() -> None:
    streams = runs(5_000, [1.0, 1.0, 1.0], [40_000.0, 40_000.0, 90_000.0])
    worker = runs(5_000, [1.0, 1.0, 1.0], [60_000.0, 80_000.0, 90_000.0])
    report = finish(PEER, 3, MACHINE, {"kafka_streams": streams, "worker": worker}, {})
    assert report.ratio == {"kafka_streams": 1.5, "kafka_streams_steady": 1.5}
    assert report.events_per_cpu_second == {"kafka_streams": 40_000.0, "worker": 80_000.0}
