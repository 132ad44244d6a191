"""Chunks hold every record of a fetch once, in its partition's order, and no chunk is larger than allowed."""

from types import SimpleNamespace

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.transport import scheduler

fetches = st.dictionaries(
    st.builds(TP, st.sampled_from(["clicks", "purchases"]), st.integers(0, 3)), st.integers(0, 30), max_size=6
)


@given(fetches, st.integers(1, 12))
def test_no_record_is_lost_doubled_or_out_of_order(fetch: dict[TP, int], chunk_max: int) -> None:
    records = {
        tp: [
            SimpleNamespace(offset=offset, timestamp=offset, timestamp_type=1)
            for offset in range(100, 100 + count)
        ]
        for tp, count in fetch.items()
    }
    dealt: dict[TP, list[int]] = {tp: [] for tp in fetch}
    for tp, chunk in scheduler(chunk_max)().iterate(records):
        offsets = [record.offset for record in chunk.records]
        assert 1 <= len(offsets) <= chunk_max
        assert (chunk.topic, chunk.partition, chunk.offset) == (tp.topic, tp.partition, offsets[-1])
        dealt[tp] += offsets
    assert dealt == {tp: list(range(100, 100 + count)) for tp, count in fetch.items()}


@given(fetches, st.integers(1, 12))
def test_partitions_take_turns(fetch: dict[TP, int], chunk_max: int) -> None:
    records = {
        tp: [SimpleNamespace(offset=offset, timestamp=0, timestamp_type=1) for offset in range(count)]
        for tp, count in fetch.items()
    }
    turns: dict[TP, int] = dict.fromkeys(fetch, 0)
    for tp, _ in scheduler(chunk_max)().iterate(records):
        turns[tp] += 1
        # Nobody gets a second turn before everybody who still has records had the first.
        for other, count in fetch.items():
            left = count > turns[other] * chunk_max
            assert not left or turns[other] >= turns[tp] - 1
