"""The topics of design 2: their names, who shares partitions, how they are kept."""

from collections.abc import Mapping

from msgspec import Struct

from schemas.events import EventName


class Topic(Struct, frozen=True):
    """`co`: co-partitioned by shopper. `compacted`: the newest value per key stays for ever.
    `input`: written by others, stamped with LogAppendTime."""

    name: str
    co: bool = False
    compacted: bool = False
    input: bool = False


CLICKS = Topic("clicks", co=True, input=True)
PURCHASES = Topic("purchases", co=True, input=True)
FEEDBACK = Topic("feedback", co=True, input=True)
IDENTITIES = Topic("identities", co=True, input=True)
INTERNAL = Topic("beckon.internal", co=True)
CATALOG = Topic("catalog", compacted=True, input=True)
CAMPAIGNS = Topic("campaigns", compacted=True)
PROMOTIONS = Topic("promotions", co=True)
DECISIONS = Topic("decisions", co=True)
DEAD_LETTERS = Topic("dead-letters")
CHANGELOG = Topic("beckon-profiles-changelog", co=True, compacted=True)

#: What the worker reads events from.
SOURCES = (CLICKS, PURCHASES, FEEDBACK, IDENTITIES, INTERNAL)
ALL = (*SOURCES, CATALOG, CAMPAIGNS, PROMOTIONS, DECISIONS, DEAD_LETTERS, CHANGELOG)

#: Where an event that is not about products goes; all others go to `clicks`.
_TOPICS: Mapping[EventName, Topic] = {
    **dict.fromkeys(
        (
            EventName.ORDER_COMPLETED,
            EventName.ORDER_REFUNDED,
            EventName.ORDER_CANCELLED,
            EventName.ORDER_UPDATED,
        ),
        PURCHASES,
    ),
    **dict.fromkeys(
        (
            EventName.PROMOTION_VIEWED,
            EventName.PROMOTION_CLICKED,
            EventName.COUPON_APPLIED,
            EventName.COUPON_DENIED,
            EventName.COUPON_REMOVED,
        ),
        FEEDBACK,
    ),
    **dict.fromkeys((EventName.CONSENT_CHANGED, EventName.IDENTIFY, EventName.ALIAS), IDENTITIES),
}


def topic_of(event: EventName) -> Topic:
    """Return the topic that an event belongs on."""
    return _TOPICS.get(event, CLICKS)
