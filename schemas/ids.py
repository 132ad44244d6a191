"""Names for plain values, so that a shopper is never mistaken for a product."""

import struct
from hashlib import blake2b
from typing import NewType

#: `userId`, else `anonymousId`; also the Kafka key, UTF-8.
ShopperId = NewType("ShopperId", str)
ProductId = NewType("ProductId", str)
OrderId = NewType("OrderId", str)
CampaignId = NewType("CampaignId", str)
#: Hex of 16 bytes, see `processors.ids`.
DecisionId = NewType("DecisionId", str)
#: What a text or a product is about, for instance `running-shoes`.
Tag = NewType("Tag", str)
#: Milliseconds since 1970-01-01T00:00Z, stamped by the shop.
EventTime = NewType("EventTime", int)
#: Days since 1970-01-01 UTC.
Day = NewType("Day", int)
#: Integer minor units of the shop's base currency (cents for EUR).
Minor = NewType("Minor", int)
#: The first 6 bytes of blake2b(messageId), as an unsigned big-endian integer (rulings, head).
Digest = NewType("Digest", int)

#: A tag with its probability, 0..1.
TagScore = tuple[Tag, float]
#: The tags of one text, best first.
Tags = tuple[TagScore, ...]

MS_PER_DAY = 86_400_000
_first_8_bytes = struct.Struct(">Q").unpack_from


def digest_of(message_id: str) -> Digest:
    """Return the tie-breaking digest of a messageId.

    >>> f"{digest_of('m1'):012x}"
    'a61406e01eea'
    """
    digest: Digest = _first_8_bytes(blake2b(message_id.encode()).digest())[0] >> 16
    return digest


def day_of(at: EventTime) -> Day:
    """Return the UTC day of an event time."""
    return Day(at // MS_PER_DAY)
