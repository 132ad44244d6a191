"""Which partition a key belongs to: murmur2, as Kafka's Java clients and `murmur2_random` of librdkafka do it.

Source: `org.apache.kafka.common.utils.Utils.murmur2` (Apache-2.0), after Austin Appleby's MurmurHash2.
"""

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """Return the home partition of a key.

    >>> partition_of(b"ann", 12)
    2
    """
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Return the 32-bit hash as an unsigned integer.

    >>> murmur2(b"21") == -973932308 & 0xFFFFFFFF  # a vector from Kafka's own test
    True
    """
    length = len(data)
    value = _SEED ^ length
    whole = length & ~3
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * _M & _MASK
        value = (value * _M & _MASK) ^ ((k ^ k >> 24) * _M & _MASK)
    if whole < length:
        value = (value ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    value = (value ^ value >> 13) * _M & _MASK
    return value ^ value >> 15
