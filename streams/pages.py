"""What is known of a shopper, as a page that a support person understands; made from records alone."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from schemas.decisions import Decision, Outcome
from schemas.ids import EventTime
from schemas.money import format_minor
from schemas.timestamps import iso_utc
from streams.demo.words import bar

INTERESTS_SHOWN = 12
RECENT_SHOWN = 10
ORDERS_SHOWN = 10
OFFERS_SHOWN = 10
_BAR_WIDTH = 20
_KINDS = {
    "view": "looked at",
    "click": "clicked",
    "wish": "wished for",
    "add": "put into the cart",
    "remove": "took out of the cart",
    "buy": "bought",
}


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


def profile_page(line: ProfileLine, decisions: Sequence[Decision], currency: str) -> str:
    """Return plain text, times in UTC, money in the base currency; `decisions` are the shopper's, oldest first."""
    sections = [
        (f"Shopper {line.user_id}", _seen(line)),
        ("Interests", _interests(line.affinity)),
        ("Cart", _cart(line.cart, currency)),
        ("Visit", _visit(line)),
        ("Orders", _orders(line, currency)),
        ("Offers", _offers(decisions)),
        ("Consent", _consent(line.consent)),
    ]
    page = "\n\n".join("\n".join(_section(title, lines)) for title, lines in sections)
    return page + "\n"


def decision_lines(decisions: Iterable[Decision]) -> Iterator[str]:
    """Yield one line per decision: when, what happened, what came of it, and the id to ask `why` with."""
    for decision in decisions:
        candidate = decision.candidates[0] if decision.candidates else None
        decision_id = decision.decision_id or (candidate.decision_id if candidate is not None else "")
        line = f"{_time(decision.trigger.at)}  {decision_id}  {decision.trigger.event}: {_ending(decision)}"
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
    yield "-" * len(title)
    yield from map(printable, lines)


def _seen(line: ProfileLine) -> Iterator[str]:
    yield f"  seen from {_time(line.first_seen)} to {_time(line.last_seen)} (UTC)"
    counts = (
        (line.views, "product view"),
        (line.clicks, "product click"),
        (line.searches, "search"),
        (line.cart_adds, "addition to the cart"),
    )
    yield "  " + ", ".join(_count(number, word) for number, word in counts)
    if line.merged_from:
        yield f"  was also {', '.join(line.merged_from)}"


def _interests(affinity: dict[str, float]) -> Iterator[str]:
    if not affinity:
        yield "  none known"
        return
    ranked = sorted(affinity.items(), key=lambda item: (-item[1], item[0]))
    shown = ranked[:INTERESTS_SHOWN]
    width, top = max(len(tag) for tag, _ in shown), shown[0][1]
    for tag, strength in shown:
        cells = bar(round(strength * 1000), round(top * 1000), _BAR_WIDTH)
        yield f"  {tag:<{width}}  {cells:<{_BAR_WIDTH}}  {strength:.2f}"
    yield from _rest(len(ranked) - len(shown), "weaker")


def _cart(cart: dict[str, CartLine], currency: str) -> Iterator[str]:
    if not cart:
        yield "  empty"
        return
    for product_id, line in sorted(cart.items(), key=lambda item: (-item[1].added, item[0])):
        price = "price unknown" if line.price is None else format_minor(line.price, currency)
        yield f"  {line.quantity} x {product_id}, {price}, put in at {_time(line.added)}"
    value = sum(line.quantity * (line.price or 0) for line in cart.values())
    yield f"  worth {format_minor(value, currency)}"


def _visit(line: ProfileLine) -> Iterator[str]:
    start = line.session.start
    if start is None:
        yield "  no product was looked at"
        return
    yield f"  the newest began at {_time(start)}: {_count(line.session.events, 'product event')}"
    newest = line.recent[: -RECENT_SHOWN - 1 : -1]
    for entry in newest:
        yield f"  {_time(entry.at)}  {_KINDS.get(entry.kind, entry.kind)} {entry.product_id}"
    yield from _rest(len(line.recent) - len(newest), "older")


def _orders(line: ProfileLine, currency: str) -> Iterator[str]:
    spent = format_minor(line.spend, currency)
    yield f"  {_count(line.orders, 'order')}, {_count(line.refunds, 'refund')}, {spent} spent"
    newest = line.orders_log[: -ORDERS_SHOWN - 1 : -1]
    for order in newest:
        yield f"  {_time(order.at)}  {order.order_id}: {_order(order, currency)}"
    yield from _rest(len(line.orders_log) - len(newest), "older")


def _order(order: OrderLine, currency: str) -> str:
    words = ["not ordered yet" if order.total is None else format_minor(order.total, currency)]
    if order.discounted:
        words.append("with a discount")
    if order.refunded is None:
        words.append("all of it given back")
    elif order.refunded:
        words.append(f"{format_minor(order.refunded, currency)} given back")
    if order.cancelled:
        words.append("cancelled")
    return ", ".join(words)


def _offers(decisions: Sequence[Decision]) -> Iterator[str]:
    made = [decision for decision in decisions if decision.outcome is not Outcome.SUPPRESSED]
    for line in decision_lines(made[: -OFFERS_SHOWN - 1 : -1]):
        yield f"  {line}"
    yield from _rest(len(made) - OFFERS_SHOWN, "older")
    stopped = len(decisions) - len(made)
    if not made:
        yield "  none"
    if stopped:
        yield f"  {_count(stopped, 'more decision')} ended without one"


def _ending(decision: Decision) -> str:
    if decision.outcome is Outcome.OFFERED:
        return f"{decision.promotion_id} of {decision.campaign_id} offered"
    if decision.outcome is Outcome.HELD_OUT:
        return f"{decision.promotion_id} of {decision.campaign_id} held out, so not sent"
    stops = (f"{candidate.campaign_id} {candidate.reason}" for candidate in decision.candidates)
    return f"nothing sent ({', '.join(stops)})"


def _consent(consent: dict[str, ConsentLine]) -> Iterator[str]:
    for purpose, line in sorted(consent.items()):
        yield f"  {purpose}: {'yes' if line.granted else 'no'}, said at {_time(line.at)}"
    if not consent:
        yield "  never stated"


def _rest(count: int, word: str) -> Iterator[str]:
    if count > 0:
        yield f"  and {count} {word}"


def _count(number: int, word: str) -> str:
    """Return a number with its word.

    >>> _count(1, "order"), _count(2, "search"), _count(0, "addition to the cart")
    ('1 order', '2 searches', '0 additions to the cart')
    """
    first, space, rest = word.partition(" to ")
    plural = first + ("es" if first.endswith("ch") else "s")
    return f"{number:,} {word if number == 1 else plural + space + rest}"


def _time(at: int) -> str:
    return iso_utc(at)[:19].replace("T", " ")
