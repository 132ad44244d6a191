"""What a run left in its topics, held against a replay of what came in."""

from collections import Counter
from collections.abc import Iterable, Iterator

from schemas.codec import decode_profile, encode_profile
from schemas.ids import ShopperId
from schemas.profiles import Profile
from schemas.topics import CHANGELOG, DEAD_LETTERS, DECISIONS, INTERNAL, PROMOTIONS
from tests.simulation.kafka import Kafka, Record
from tests.simulation.shop import ASKS, Replayed, Wanted, decided, line


def problems_of(
    kafka: Kafka, wanted: Wanted, replayed: Replayed, broken: Iterable[tuple[str, int, int]]
) -> Iterator[str]:
    """Yield what is lost, doubled or otherwise not as it must be. `broken`: where dead letters came from."""
    yield from kafka.fallen
    yield from _profiles(kafka, replayed)
    yield from _decisions(kafka, wanted, replayed)
    yield from _different("dead letter", Counter(_letters(kafka)), Counter(broken))
    sent_on = Counter(_sent_on(kafka))
    yield from (f"sent on {count} times: {place}" for place, count in sent_on.items() if count > 1)


def _seen(kafka: Kafka, topic: str) -> Iterator[Record]:
    for place, partition in sorted(kafka.partitions.items()):
        if place[0] == topic:
            yield from partition.seen()


def _profiles(kafka: Kafka, replayed: Replayed) -> Iterator[str]:
    newest: dict[ShopperId, Profile] = {}
    for record in _seen(kafka, CHANGELOG.name):
        profile = decode_profile(record.value)
        before = newest.get(profile.shopper)
        for source, offset in () if before is None else before.positions.items():
            if profile.positions.get(source, -1) < offset:
                yield f"position of {profile.shopper} in {source} fell below {offset}"
        newest[profile.shopper] = profile
    found = {shopper: profile for shopper, profile in newest.items() if profile.first_seen >= 0}
    for shopper in sorted(found.keys() ^ replayed.profiles.keys()):
        yield f"profile of {shopper} is {'missing' if shopper not in found else 'not in the replay'}"
    for shopper in sorted(found.keys() & replayed.profiles.keys()):
        mine, its = found[shopper], replayed.profiles[shopper]
        if shopper.startswith("solo"):
            mine.positions, mine.approximate = its.positions, its.approximate
            same = encode_profile(mine) == encode_profile(its)
        else:
            same = line(mine, replayed.as_of) == line(its, replayed.as_of)
        if not same:
            yield f"profile of {shopper} differs: {_first_difference(mine, its)}"


def _first_difference(mine: Profile, its: Profile) -> str:
    for name in Profile.__struct_fields__:
        if name not in ("positions", "claims") and getattr(mine, name) != getattr(its, name):
            return f"{name} is {getattr(mine, name)}, must be {getattr(its, name)}"
    return "in its page"


def _decisions(kafka: Kafka, wanted: Wanted, replayed: Replayed) -> Iterator[str]:
    made = [decided(record.value) for record in _seen(kafka, DECISIONS.name)]
    times = Counter((each.user_id, each.trigger["message_id"]) for each in made)
    yield from (f"decided {count} times: {key}" for key, count in times.items() if count > 1)
    asked = Counter(each.trigger["message_id"] for each in made if each.trigger["event"] == ASKS)
    yield from _different("decision asked by", asked, wanted.asked)
    solo = {
        (each.user_id, each.trigger["message_id"]): each for each in made if each.user_id.startswith("solo")
    }
    for key in sorted(solo.keys() | replayed.decisions.keys()):
        if solo.get(key) != replayed.decisions.get(key):
            yield f"decision {key} is {solo.get(key)}, must be {replayed.decisions.get(key)}"
    records = list(_seen(kafka, PROMOTIONS.name))
    of_solo = [record.value for record in records if record.key.startswith(b"solo")]
    yield from _different("promotion", Counter(of_solo), Counter(replayed.promotions))
    offered = Counter(each.decision_id for each in made if each.outcome == "offered")
    types = [dict(record.headers) for record in records]
    went_out = Counter(each["ce_id"].decode() for each in types if each["ce_type"] == b"promotion.offered")
    yield from _different("promotion of decision", went_out, offered)
    taken_back = Counter(each["ce_id"] for each in types if each["ce_type"] == b"promotion.revoked")
    yield from (f"taken back {count} times: {key!r}" for key, count in taken_back.items() if count > 1)


def _letters(kafka: Kafka) -> Iterator[tuple[str, int, int]]:
    for record in _seen(kafka, DEAD_LETTERS.name):
        named = dict(record.headers)
        yield named["topic"].decode(), int(named["partition"]), int(named["offset"])


def _sent_on(kafka: Kafka) -> Iterator[tuple[object, ...]]:
    for record in _seen(kafka, INTERNAL.name):
        named = dict(record.headers)
        if "offset" in named:
            yield named["topic"], named["partition"], named["offset"], named.get("hops"), record.key
        elif named["kind"] == b"transfer":
            yield named["kind"], record.key, record.value


def _different(what: str, found: Counter[object], must: Counter[object]) -> Iterator[str]:  # type: ignore[misc]
    for key in {**found, **must}:
        if found[key] != must[key]:
            yield f"{what} {key!r} came {found[key]} times, must {must[key]}"
