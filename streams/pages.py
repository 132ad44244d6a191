"""What is known of a shopper, as a page that a support person understands; made from records alone."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from processors.explain import line_under
from processors.promotion_page import inbox_lines
from processors.words.en import ENGLISH
from processors.words.shape import Words
from schemas.decisions import Decision, Outcome, Promotion
from schemas.ids import EventTime
from schemas.money import format_minor
from schemas.timestamps import iso_utc
from streams.demo.words import bar

INTERESTS_SHOWN = 12
RECENT_SHOWN = 10
ORDERS_SHOWN = 10
OFFERS_SHOWN = 10
_BAR_WIDTH = 20


class CartLine(Struct):
    """One product in the cart."""

    quantity: int
    price: int | None
    added: EventTime


class RecentLine(Struct):
    """One product event."""

    product_id: str
    kind: str
    at: EventTime


class OrderLine(Struct):
    """One order, or what waits for it."""

    order_id: str
    at: EventTime
    total: int | None
    refunded: int | None
    cancelled: bool
    discounted: bool


class DayLine(Struct):
    """What happened on one UTC day; `spend` in minor units."""

    views: int
    clicks: int
    searches: int
    cart_adds: int
    orders: int
    spend: int


class SessionLine(Struct):
    """The newest visit."""

    start: EventTime | None
    events: int


class ConsentLine(Struct):
    """What the shopper last said about one purpose."""

    granted: bool
    at: EventTime


class ProfileLine(Struct):
    """A line of profiles.jsonl (design 11), as far as pages and `beckon decide` need it."""

    user_id: str
    first_seen: EventTime
    last_seen: EventTime
    views: int
    clicks: int
    cart_adds: int
    searches: int
    orders: int
    refunds: int
    spend: int
    affinity: dict[str, float]
    cart: dict[str, CartLine]
    recent: list[RecentLine]
    orders_log: list[OrderLine]
    session: SessionLine
    consent: dict[str, ConsentLine]
    merged_from: list[str]
    days: dict[str, DayLine] = {}


def read_profile(raw: bytes) -> ProfileLine:
    """Return what a line of profiles.jsonl says; raise `msgspec.MsgspecError` where it is none."""
    return msgspec.json.decode(raw, type=ProfileLine)


def profile_page(
    line: ProfileLine,
    decisions: Sequence[Decision],
    currency: str,
    words: Words = ENGLISH,
    inbox: Sequence[Promotion] | None = None,
) -> str:
    """Return plain text, times in UTC, money in the base currency; `decisions` are the shopper's, oldest first.

    `inbox` takes their place where only the promotions that still hold are known.
    """
    say = words.profile
    sections = [
        (say.shopper.format(shopper=line.user_id), _seen(line, words)),
        (say.interests, _interests(line.affinity, words)),
        (say.cart, _cart(line.cart, currency, words)),
        (say.visit, _visit(line, words)),
        (say.orders, _orders(line, currency, words)),
        (say.offers, _offers(decisions, words)) if inbox is None else (say.inbox, _inbox(inbox, words)),
        (say.consent, _consent(line.consent, words)),
    ]
    page = "\n\n".join("\n".join(_section(title, lines)) for title, lines in sections)
    return page + "\n"


def decision_lines(decisions: Iterable[Decision], words: Words = ENGLISH) -> Iterator[str]:
    """Yield one line per decision: when, what happened, what came of it, and the id to ask `why` with."""
    for decision in decisions:
        candidate = decision.candidates[0] if decision.candidates else None
        decision_id = decision.decision_id or (candidate.decision_id if candidate is not None else "")
        ending = _ending(decision, words)
        line = f"{_time(decision.trigger.at)}  {decision_id}  {decision.trigger.event}: {ending}"
        yield printable(line)


def printable(text: str) -> str:
    r"""Return a text that cannot steer a terminal or forge a line, whatever a shop wrote into its ids.

    >>> print(printable("ann\x1b[2J\n"))
    ann\x1b[2J\n
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    title = printable(title)
    yield title
    yield line_under(title)
    yield from (f"  {printable(line)}" for line in lines)


def _seen(line: ProfileLine, words: Words) -> Iterator[str]:
    say = words.profile
    yield say.seen.format(first=_time(line.first_seen), last=_time(line.last_seen))
    counts = (
        say.views.of(line.views),
        say.clicks.of(line.clicks),
        say.searches.of(line.searches),
        say.cart_adds.of(line.cart_adds),
    )
    yield words.comma.join(counts)
    if line.merged_from:
        yield say.was_also.format(ids=words.comma.join(line.merged_from))


def _interests(affinity: dict[str, float], words: Words) -> Iterator[str]:
    if not affinity:
        yield words.profile.no_interests
        return
    ranked = sorted(affinity.items(), key=lambda item: (-item[1], item[0]))
    shown = ranked[:INTERESTS_SHOWN]
    width, top = max(len(tag) for tag, _ in shown), shown[0][1]
    for tag, strength in shown:
        cells = bar(round(strength * 1000), round(top * 1000), _BAR_WIDTH)
        yield f"{tag:<{width}}  {cells:<{_BAR_WIDTH}}  {strength:.2f}"
    yield from _rest(len(ranked) - len(shown), words.profile.weaker)


def _cart(cart: dict[str, CartLine], currency: str, words: Words) -> Iterator[str]:
    say = words.profile
    if not cart:
        yield say.cart_empty
        return
    for product_id, line in sorted(cart.items(), key=lambda item: (-item[1].added, item[0])):
        price = say.price_unknown if line.price is None else format_minor(line.price, currency)
        yield say.cart_line.format(
            quantity=line.quantity, product=product_id, price=price, at=_time(line.added)
        )
    value = sum(line.quantity * (line.price or 0) for line in cart.values())
    yield say.cart_worth.format(value=format_minor(value, currency))


def _visit(line: ProfileLine, words: Words) -> Iterator[str]:
    say, start = words.profile, line.session.start
    if start is None:
        yield say.no_visit
        return
    yield say.visit_began.format(at=_time(start), events=say.events.of(line.session.events))
    newest = line.recent[: -RECENT_SHOWN - 1 : -1]
    for entry in newest:
        yield f"{_time(entry.at)}  {say.kinds.get(entry.kind, entry.kind)} {entry.product_id}"
    yield from _rest(len(line.recent) - len(newest), say.older)


def _orders(line: ProfileLine, currency: str, words: Words) -> Iterator[str]:
    say = words.profile
    spent = say.spent.format(amount=format_minor(line.spend, currency))
    yield words.comma.join((say.orders_made.of(line.orders), say.refunds.of(line.refunds), spent))
    newest = line.orders_log[: -ORDERS_SHOWN - 1 : -1]
    for order in newest:
        yield f"{_time(order.at)}  {order.order_id}: {_order(order, currency, words)}"
    yield from _rest(len(line.orders_log) - len(newest), say.older)


def _order(order: OrderLine, currency: str, words: Words) -> str:
    say = words.profile
    parts = [say.not_ordered if order.total is None else format_minor(order.total, currency)]
    if order.discounted:
        parts.append(say.with_discount)
    if order.refunded is None:
        parts.append(say.all_given_back)
    elif order.refunded:
        parts.append(say.given_back.format(amount=format_minor(order.refunded, currency)))
    if order.cancelled:
        parts.append(say.cancelled)
    return words.comma.join(parts)


def _offers(decisions: Sequence[Decision], words: Words) -> Iterator[str]:
    say = words.profile
    made = [decision for decision in decisions if decision.outcome is not Outcome.SUPPRESSED]
    yield from decision_lines(made[: -OFFERS_SHOWN - 1 : -1], words)
    yield from _rest(len(made) - OFFERS_SHOWN, say.older)
    stopped = len(decisions) - len(made)
    if not made:
        yield say.no_offers
    if stopped:
        yield say.without_offer.of(stopped)


def _inbox(promotions: Sequence[Promotion], words: Words) -> Iterator[str]:
    yield from inbox_lines(promotions[::-1], words)
    if not promotions:
        yield words.profile.no_waiting


def _ending(decision: Decision, words: Words) -> str:
    say = words.profile
    if decision.outcome is Outcome.SUPPRESSED:
        stops = (
            f"{candidate.campaign_id} {say.stops[candidate.reason]}"
            for candidate in decision.candidates
            if candidate.reason is not None
        )
        return say.nothing_sent.format(stops=words.comma.join(stops))
    made = say.offered if decision.outcome is Outcome.OFFERED else say.held_out
    return made.format(promotion=decision.promotion_id, campaign=decision.campaign_id)


def _consent(consent: dict[str, ConsentLine], words: Words) -> Iterator[str]:
    say = words.profile
    for purpose, line in sorted(consent.items()):
        yield say.stated.format(
            purpose=say.purposes.get(purpose, purpose),
            answer=words.yes if line.granted else words.no,
            at=_time(line.at),
        )
    if not consent:
        yield say.never_stated


def _rest(count: int, text: str) -> Iterator[str]:
    if count > 0:
        yield text.format(n=count)


def _time(at: int) -> str:
    return iso_utc(at)[:19].replace("T", " ")
