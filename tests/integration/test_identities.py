"""Several ids on a real broker: two workers end where a replay ends, ticks fire for the silent, campaigns are live."""

import subprocess
import sys
import time
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import msgspec

from streams.partitioner import partition_of
from streams.parts import build, policy_of
from streams.topic_reader import TopicReader
from streams.verify import Report, Verifier
from streams.verify_run import verify_topics
from tests.support.replayed import differing, profiles_in, replay_of
from tests.support.shopping import Sent, shopping, track
from tests.support.stand import PARTITIONS, Stand
from tests.support.workers import until

BECKON = str(Path(sys.executable).with_name("beckon"))
PEOPLE = 150
CART = "campaigns:\n  - {id: cart, triggers: [Cart Abandoned], offers: [{promotion_id: p, name: P}], purpose: profiling}\n"
VIEWS = CART.replace("Cart Abandoned", "Product Viewed").replace("cart", "views")


def anonymous(sent: Sent, names: dict[str, str]) -> Sent:
    """Return an event as sent from a phone of the shopper's, where `names` has one."""
    phone = names.get(sent.key)
    if phone is None:
        return sent
    value = msgspec.json.decode(sent.value)
    del value["userId"]
    return Sent(sent.topic, phone, msgspec.json.encode(value | {"anonymousId": phone}))


def told_by(user: str, phone: str, at_ms: int) -> Sent:
    kind = {"type": "identify", "anonymousId": phone}
    if at_ms % 3 == 0:
        kind = {"type": "alias", "previousId": phone}
    told = {"messageId": f"{user} {at_ms}", "timestamp": at_ms, "userId": user, **kind}
    return Sent("identities", user, msgspec.json.encode(told))


def household(seed: int, events: int, end_ms: int) -> list[Sent]:
    """Return events of people who sign in on a second device sometime, and go on on both."""
    rng = Random(seed)
    names = [f"{'one' if number % 2 else 'many'}-{number:04d}" for number in range(PEOPLE)]
    phones = {name: f"phone of {name}" for name in names}
    found = []
    for number, sent in enumerate(shopping(seed, PEOPLE, events, end_ms)):
        found.append(anonymous(sent, phones if rng.random() < 0.5 else {}))
        if number >= PEOPLE and rng.random() < 0.1:
            user = rng.choice(names)
            found.append(told_by(user, phones[user], end_ms - (events - number) * 250 + 1))
    return found


def test_people_with_two_devices_have_the_profiles_of_a_replay(stand: Stand, tmp_path: Path) -> None:
    now_ms = round(time.time() * 1000)
    events = household(seed=31, events=4_000, end_ms=now_ms)
    with stand.workers(2) as workers:
        for worker in workers:
            worker.wait_ready()
        stand.broker.produce(events, seconds=5)
        stand.wait_settled(workers)
        assert [worker.stop() for worker in workers] == [0, 0]
    replayed = replay_of(events, stand.settings, tmp_path / "replay")
    merged = [line for line in replayed.profiles.values() if line["merged_from"]]
    crossing = [
        line
        for line in merged
        if partition_of(line["user_id"].encode(), PARTITIONS)
        != partition_of(line["merged_from"][0].encode(), PARTITIONS)
    ]
    assert len(merged) > 100
    assert len(crossing) > 50
    profiles = profiles_in(stand.broker, stand.settings, replayed.summary["as_of"])
    assert differing(profiles, replayed.profiles) == []
    report = verified(stand)
    assert report.violations == []
    assert (report.ok, report.unchecked) == (True, {})
    assert report.decisions == report.redecided == report.refolded > 1_000
    assert report.reordered > 300


def test_people_with_two_devices_survive_ten_kills(stand: Stand, tmp_path: Path) -> None:
    now_ms = round(time.time() * 1000)
    events = household(seed=32, events=6_000, end_ms=now_ms)
    chance = Random(7)
    with stand.workers(2) as workers:
        for worker in workers:
            worker.wait_ready()
        producing = Thread(target=stand.broker.produce, args=(events, 20.0))
        producing.start()
        for number in range(10):
            time.sleep(chance.uniform(0.2, 2.5))
            killed = workers[number % 2]
            killed.kill()
            killed.start()
        producing.join()
        stand.wait_settled(workers, seconds=90)
    replayed = replay_of(events, stand.settings, tmp_path / "replay")
    profiles = profiles_in(stand.broker, stand.settings, replayed.summary["as_of"])
    assert sum(bool(line["merged_from"]) for line in profiles.values()) > 100
    assert differing(profiles, replayed.profiles) == []
    report = verified(stand)
    assert (report.violations, report.unchecked) == ([], {})
    assert report.refolded > 1_000


def verified(stand: Stand) -> Report:
    settings = stand.settings
    policy, parts = policy_of(settings.profile), build(settings, tags="category")
    assert parts.campaigns is not None
    verifier = Verifier({parts.campaigns.digest: parts.campaigns}, policy, parts.side)
    return verify_topics(TopicReader(settings.kafka, settings.topics.prefix), verifier, parts)


def decisions(stand: Stand) -> list[dict[str, Any]]:
    return [msgspec.json.decode(record.value or b"") for record in stand.broker.records("decisions")]


def test_the_cart_of_a_silent_shopper_is_abandoned_once(stand: Stand, tmp_path: Path) -> None:
    file = tmp_path / "carts.yaml"
    file.write_text(CART)
    stand.flags = {"campaigns.file": str(file)}
    # Its deadline lies 5 minutes back, so only a tick can fire it: no event of the shopper comes any more.
    at_ms = round(time.time() * 1000) - 3_900_000
    added = track("ann", "a1", at_ms, "Product Added", product_id="p1", category="shoes")
    bought = track("bob", "b1", at_ms, "Product Added", product_id="p1", category="shoes")
    line = {"product_id": "p1", "quantity": 1}
    order = track(
        "bob", "b2", at_ms + 1, "Order Completed", order_id="o", total=1, currency="USD", products=[line]
    )
    sent = [
        Sent("clicks", "ann", msgspec.json.encode(added)),
        Sent("clicks", "bob", msgspec.json.encode(bought)),
        Sent("purchases", "bob", msgspec.json.encode(order)),
    ]
    with stand.workers(1) as workers:
        workers[0].wait_ready()
        stand.broker.produce(sent)
        until(lambda: bool(decisions(stand)), 20, f"a tick fires; {workers[0].log()}", pause_s=0.5)
        stand.wait_settled(workers)
        workers[0].kill()
        workers[0].start()  # all profiles are looked at anew
        workers[0].wait_ready()
        time.sleep(8)
        stand.wait_settled(workers)
    [decision] = decisions(stand)
    assert (decision["user_id"], decision["outcome"]) == ("ann", "offered")
    assert decision["trigger"]["event"] == "Cart Abandoned"
    assert decision["trigger"]["at"] == at_ms + 3_600_000


def beckon(*arguments: object) -> None:
    done = subprocess.run(
        [BECKON, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_campaigns_are_applied_and_paused_while_the_worker_runs(stand: Stand, tmp_path: Path) -> None:
    file = tmp_path / "views.yaml"
    file.write_text(VIEWS)
    stand.flags = {"campaigns.file": ""}
    config = stand.config()
    numbers = iter(range(1_000))

    def outcomes(*, wanted: str | None) -> bool:
        """Send a view of a new shopper; return whether its decision is the one wanted."""
        name = f"shopper {next(numbers)}"
        now_ms = round(time.time() * 1000)
        viewed = track(name, name, now_ms, "Product Viewed", product_id="p1", category="shoes")
        stand.broker.produce([Sent("clicks", name, msgspec.json.encode(viewed))])
        stand.wait_settled(workers)
        found = [each["outcome"] for each in decisions(stand) if each["user_id"] == name]
        return found == ([] if wanted is None else [wanted])

    with stand.workers(1) as workers:
        workers[0].wait_ready()
        assert outcomes(wanted=None)
        beckon("campaigns", "apply", file, "--config", config)
        until(lambda: outcomes(wanted="offered"), 5, f"offers after apply; {workers[0].log()}")
        beckon("campaigns", "pause", "views", "--config", config)
        until(lambda: outcomes(wanted=None), 5, f"none after pause; {workers[0].log()}")
        assert workers[0].metrics()["beckon_campaign_switches_total"] == 2
        assert workers[0].stop() == 0


def test_a_broken_record_of_campaigns_is_told_once_and_those_before_stay(
    stand: Stand, tmp_path: Path
) -> None:
    file = tmp_path / "views.yaml"
    file.write_text(VIEWS)
    stand.flags = {"campaigns.file": ""}
    config = stand.config()
    beckon("campaigns", "apply", file, "--config", config)
    with stand.workers(1) as workers:
        workers[0].wait_ready()
        stand.broker.send("campaigns", [(b"views", b"{")])
        problems = "beckon_campaign_problems_total"
        until(lambda: workers[0].metrics()[problems] == 1, 5, f"the problem counts; {workers[0].log()}")
        at_ms = round(time.time() * 1000)
        viewed = track("ann", "m1", at_ms, "Product Viewed", product_id="p1", category="shoes")
        stand.broker.produce([Sent("clicks", "ann", msgspec.json.encode(viewed))])
        stand.wait_settled(workers)
        assert workers[0].metrics()[problems] == 1
        assert workers[0].log().count("campaigns_problem") == 1
        beckon("campaigns", "apply", file, "--config", config)  # mends the topic
        assert workers[0].stop() == 0
    assert [each["outcome"] for each in decisions(stand)] == ["offered"]
