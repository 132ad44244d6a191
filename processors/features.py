"""What a condition can look at: each feature with its name, its unit and how it is read.

Values are as marketers write them: money in major units of the base currency, counts whole, interest
and minutes with 6 digits after the point. They are exactly what a decision record keeps, so that
deciding again from the record compares the same numbers.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from math import exp2, floor

from msgspec import Struct

from processors import views
from processors.policy import ProfilePolicy
from schemas import durations
from schemas.campaigns import COUNTERS, Condition, FeatureName
from schemas.ids import MS_PER_DAY, EventTime
from schemas.money import digits_of
from schemas.profiles import Profile

Value = str | int | float | bool | None


class Facts:
    """One shopper at one time, for all conditions of a decision; views are made once, when asked for."""

    __slots__ = ("_cart", "_session", "counted", "interests", "now", "policy", "profile")

    def __init__(self, profile: Profile, now: EventTime, policy: ProfilePolicy) -> None:
        self.profile = profile
        self.now = now
        self.policy = policy
        #: What took a loop to count, by the key of its feature: campaigns like to ask for the same.
        self.counted: dict[str, int] = {}
        #: Interests that were enough, by tag: a record reads them once more.
        self.interests: dict[str, float] = {}
        self._cart: dict[str, views.CartLine] | None = None
        self._session: views.Session | None = None

    @property
    def cart(self) -> dict[str, views.CartLine]:
        """The cart at `now`, by product."""
        if self._cart is None:
            self._cart = views.cart_at(self.profile, self.now, self.policy)
        return self._cart

    @property
    def session(self) -> views.Session:
        """The visit of the newest product event."""
        if self._session is None:
            self._session = views.session_of(self.profile, self.policy)
        return self._session


Read = Callable[[Facts], Value]
Count = Callable[[Facts], int]


class Unit(Enum):
    """What a value is; numbers differ in the smallest step that they can take."""

    COUNT = "count"
    MONEY = "money"
    REAL = "real"
    TEXT = "text"
    FLAG = "flag"


class Feature(Struct, frozen=True):
    """`key` names the value in a record; `steps` is how many of its smallest steps make 1.

    `label` is its name in sentences ("number of orders is 1"), `one` and `more` are what a difference
    is counted in ("1 more order", "2 more orders"). `at_least`, where there is one, makes a test for a
    threshold that is quicker than reading and comparing.
    """

    code: FeatureName
    key: str
    label: str
    one: str
    more: str
    unit: Unit
    steps: int
    read: Read
    at_least: Callable[[float], Callable[[Facts], bool]] | None = None


#: What is counted: one of it, more of it.
_NOUNS: Mapping[FeatureName, tuple[str, str]] = {
    FeatureName.VIEWS: ("product view", "product views"),
    FeatureName.CLICKS: ("product click", "product clicks"),
    FeatureName.SEARCHES: ("search", "searches"),
    FeatureName.CART_ADDS: ("addition to the cart", "additions to the cart"),
    FeatureName.ORDERS: ("order", "orders"),
    FeatureName.CART_ITEMS: ("item in the cart", "items in the cart"),
    FeatureName.DAYS_SINCE_ORDER: ("day since the last order", "days since the last order"),
    FeatureName.DAYS_SINCE_SEEN: ("day since the last visit", "days since the last visit"),
    FeatureName.SESSION_EVENTS: ("product event in this visit", "product events in this visit"),
}
_MICRO = 1_000_000
#: How a trait is found in a profile; others are under `traits.`.
_STATED = ("locale", "timezone")


def feature_of(condition: Condition, currency: str, policy: ProfilePolicy) -> Feature:
    """Return the feature of a comparison that `schemas.campaign_checks` has passed."""
    code = condition.feature
    assert code is not None, "only comparisons have a feature"
    minor = 10 ** digits_of(currency)
    if code in COUNTERS:
        return _counter(code, condition.within, minor)
    match code:
        case FeatureName.AFFINITY:
            tag = condition.tag or ""
            words = f"interest in {tag}"
            read, at_least = _affinity(tag, policy)
            return Feature(code, f"affinity({tag})", words, words, words, Unit.REAL, _MICRO, read, at_least)
        case FeatureName.TRAIT:
            name = condition.name or ""
            words = f"trait {name}"
            return Feature(code, f"trait({name})", words, words, words, Unit.TEXT, _MICRO, _trait(name))
        case FeatureName.CART_VALUE:
            read, one = _in_units(_once(code, _cart_money), minor), "in the cart"
            return Feature(code, code, "value of the cart", one, one, Unit.MONEY, minor, read)
        case FeatureName.SESSION_MINUTES:
            words = "minutes in this visit"
            return Feature(code, code, words, words, words, Unit.REAL, _MICRO, _session_minutes)
        case FeatureName.RFM:
            words = "buyer group"
            return Feature(code, code, words, words, words, Unit.TEXT, 1, _rfm)
        case FeatureName.IS_KNOWN:
            words = "known by a user id"
            return Feature(code, code, words, words, words, Unit.FLAG, 1, _is_known)
    one, more = _NOUNS[code]
    return Feature(code, code, f"number of {more}", one, more, Unit.COUNT, 1, _COUNTS[code])


def _counter(code: FeatureName, within: str | None, minor: int) -> Feature:
    counter: views.Counter = code.value  # type: ignore[assignment]  # COUNTERS are these names
    key, when, count = code.value, "", _TOTALS[code]
    if within is not None:
        key, when = f"{code}({within})", f" in the last {durations.duration_words(within)}"
        count = _over_window(key, counter, within)
    if code is FeatureName.SPEND:
        words = f"spent{when}"
        return Feature(code, key, f"money {words}", words, words, Unit.MONEY, minor, _in_units(count, minor))
    one, more = _NOUNS[code]
    return Feature(code, key, f"number of {more}{when}", one + when, more + when, Unit.COUNT, 1, count)


def _over_window(key: str, counter: views.Counter, within: str) -> Count:
    days, length = int(within[:-1]), durations.duration_ms(within)
    if within.endswith("d"):
        return _once(key, lambda facts: views.in_days(facts.profile, counter, days, facts.now))
    return _once(key, lambda facts: views.in_window(facts.profile, counter, length, facts.now))


def _once(key: str, count: Count) -> Count:
    """Count once for all conditions of a decision that ask for the same."""

    def known(facts: Facts) -> int:
        found = facts.counted.get(key)
        if found is None:
            found = facts.counted[key] = count(facts)
        return found

    return known


def _in_units(count: Count, minor: int) -> Read:
    return lambda facts: count(facts) / minor


def _affinity(tag: str, policy: ProfilePolicy) -> tuple[Read, Callable[[float], Callable[[Facts], bool]]]:
    half_life_ms = policy.half_life_ms

    def read(facts: Facts) -> float:
        known = facts.interests.get(tag)
        if known is not None:
            return known
        strength = facts.profile.affinity.get(tag)
        if strength is None:
            return 0.0
        value = strength.value * exp2((strength.as_of - facts.now) / half_life_ms)  # `strength_at`
        return floor(value * _MICRO + 0.5) / _MICRO if value > 0.0 else 0.0

    def at_least(threshold: float) -> Callable[[Facts], bool]:
        def test(facts: Facts) -> bool:
            # `read`, written out: this runs for every campaign of every trigger, and a call costs most of it.
            strength = facts.profile.affinity.get(tag)
            if strength is None:
                return threshold <= 0
            value = strength.value * exp2((strength.as_of - facts.now) / half_life_ms)
            value = floor(value * _MICRO + 0.5) / _MICRO if value > 0.0 else 0.0
            if value >= threshold:
                facts.interests[tag] = value
                return True
            return False

        return test

    return read, at_least


def _trait(name: str) -> Read:
    key = name if name in _STATED else f"traits.{name}"

    def read(facts: Facts) -> Value:
        stated = facts.profile.traits.get(key)
        if stated is None:
            return None
        return round(stated.value, 6) if isinstance(stated.value, float) else stated.value

    return read


def _cart_money(facts: Facts) -> int:
    return sum(line.quantity * (line.price or 0) for line in facts.cart.values())


def _cart_items(facts: Facts) -> int:
    return sum(line.quantity for line in facts.cart.values())


def _rfm(facts: Facts) -> str | None:
    return views.rfm_segment(views.rfm_at(facts.profile, facts.now))


def _session_minutes(facts: Facts) -> float:
    return floor(facts.session.minutes * _MICRO + 0.5) / _MICRO


def _is_known(facts: Facts) -> bool:
    return facts.profile.is_known


#: Spelt out: an attribute is read faster than a name is looked up.
_TOTALS: Mapping[FeatureName, Count] = {
    FeatureName.VIEWS: lambda facts: facts.profile.views,
    FeatureName.CLICKS: lambda facts: facts.profile.clicks,
    FeatureName.SEARCHES: lambda facts: facts.profile.searches,
    FeatureName.CART_ADDS: lambda facts: facts.profile.cart_adds,
    FeatureName.ORDERS: lambda facts: facts.profile.orders,
    FeatureName.SPEND: lambda facts: facts.profile.spend,
}
_COUNTS: Mapping[FeatureName, Read] = {
    FeatureName.CART_ITEMS: _once(FeatureName.CART_ITEMS, _cart_items),
    FeatureName.DAYS_SINCE_ORDER: lambda facts: views.days_since_order(facts.profile, facts.now),
    FeatureName.DAYS_SINCE_SEEN: lambda facts: (facts.now - facts.profile.last_seen) // MS_PER_DAY,
    FeatureName.SESSION_EVENTS: lambda facts: facts.session.events,
}
