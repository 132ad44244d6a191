"""The partitioner, against the vectors of Kafka's own tests (UtilsTest.testMurmur2, Apache-2.0)."""

import pytest

from streams.partitioner import murmur2, partition_of

VECTORS = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize(("text", "signed"), VECTORS.items(), ids=str)
def test_the_hash_is_kafkas(text: str, signed: int) -> None:
    assert murmur2(text.encode()) == signed & 0xFFFFFFFF


@pytest.mark.parametrize("partitions", [1, 4, 12, 97])
def test_keys_of_any_bytes_have_a_partition_and_spread(partitions: int) -> None:
    keys = [bytes([n % 256]) * (n % 9) + n.to_bytes(2, "big") for n in range(5000)]
    homes = [partition_of(key, partitions) for key in keys]
    assert set(homes) == set(range(partitions))
    assert max(map(homes.count, range(partitions))) < 5000 / partitions * 1.7


def test_the_sign_is_cut_off_as_kafka_does_and_not_turned() -> None:
    assert partition_of(b"21", 12) == ((-973932308 & 0xFFFFFFFF) & 0x7FFFFFFF) % 12
    assert partition_of(b"", 12) == (0x106E08D9 & 0x7FFFFFFF) % 12
