"""What a language must bring for the pages about a shopper; texts have named gaps for `str.format`."""

from collections.abc import Mapping

from msgspec import Struct

from schemas.decisions import Reason


class Counted(Struct, frozen=True):
    """A number with its noun: `one` for exactly 1, `many` for all others."""

    one: str
    many: str

    def of(self, n: int) -> str:
        """Return the number and the noun.

        >>> Counted("{n:,} search", "{n:,} searches").of(1200)
        '1,200 searches'
        """
        return (self.one if n == 1 else self.many).format(n=n)


class ProfileWords(Struct, frozen=True):
    """The page of `beckon profile`, and the lines of a shopper's decisions."""

    shopper: str
    interests: str
    cart: str
    visit: str
    orders: str
    offers: str
    consent: str
    seen: str
    views: Counted
    clicks: Counted
    searches: Counted
    cart_adds: Counted
    was_also: str
    weaker: str
    older: str
    no_interests: str
    cart_empty: str
    cart_line: str
    price_unknown: str
    cart_worth: str
    no_visit: str
    visit_began: str
    events: Counted
    kinds: Mapping[str, str]
    orders_made: Counted
    refunds: Counted
    spent: str
    not_ordered: str
    with_discount: str
    all_given_back: str
    given_back: str
    cancelled: str
    inbox: str
    waiting: str
    no_waiting: str
    no_offers: str
    without_offer: Counted
    offered: str
    held_out: str
    nothing_sent: str
    stops: Mapping[Reason, str]
    was_offered: str
    stated: str
    never_stated: str
    purposes: Mapping[str, str]


class AnswerWords(Struct, frozen=True):
    """The page of `beckon decide` and `beckon why --user --campaign`: what an event would bring, and why not."""

    title: str
    would_bring: str
    nothing: str
    promotion: str
    standing: str
    would_be_offered: str
    stops: Mapping[Reason, str]
    would_take: str
    nothing_helps: str
    paused: str
    live_from: str
    live_until: str
    one_of_these: str
    recorded: str
    never_recorded: str
    not_kept: str
    joined_by: str
