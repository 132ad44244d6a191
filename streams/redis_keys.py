"""The keys of Redis: one place for the mirror that writes them and the readers.

    PREFIXprofile:SHOPPER      hash: `v` version, `d` the profile as in the changelog
    PREFIXinbox:SHOPPER        sorted set: decision ids by the event time of their trigger, in ms
    PREFIXpromotion:DECISION   hash: `v` version, `d` the promotion's JSON; gone at its `expires_at`
    PREFIXmirror               hash: what the mirror has written so far; its loss means that all is read again

A hash without `d` was erased or revoked: its version stays for a while, so that an older record cannot bring
it back; `t` is the broker's time of the erasure, for older promotions. A version is `EPOCH.OFFSET` in digits of fixed width, so that comparing texts compares versions.
"""

from msgspec import Struct

EPOCH_DIGITS = 14
OFFSET_DIGITS = 19


class Keys(Struct, frozen=True):
    """All keys begin with `prefix`, which is also the pattern of the Redis user's rights."""

    prefix: str

    def profile(self, shopper: str) -> str:
        return f"{self.prefix}profile:{shopper}"

    def inbox(self, shopper: str) -> str:
        return f"{self.prefix}inbox:{shopper}"

    def promotion(self, decision_id: str) -> str:
        return f"{self.prefix}promotion:{decision_id}"

    @property
    def progress(self) -> str:
        return f"{self.prefix}mirror"


def version_of(epoch: int, offset: int) -> str:
    """Return the version of a record: `epoch` in ms since 1970, `offset` in its partition.

    >>> version_of(1_760_000_000_000, 7) < version_of(1_760_000_000_000, 10) < version_of(1_760_000_000_001, 0)
    True
    """
    return f"{epoch:0{EPOCH_DIGITS}d}.{offset:0{OFFSET_DIGITS}d}"
