"""What a record does to Redis, and what an error of Redis means: no Kafka and no Redis needed."""

import pytest
from redis import exceptions

from streams.mirror.writes import DropProfile, Offer, PutProfile, Record, Revoke, Unreadable, write_of
from streams.redis_clients import Fault, problem_of
from streams.redis_keys import Keys, version_of
from streams.settings import RedisSettings
from tests.support.mirrored import offered, revoked

KEYS = Keys("shop:")
VERSION = "00000000000005.0000000000000000007"


def test_a_profile_is_kept_as_it_is_under_its_shopper() -> None:
    found = write_of(Record("profiles", b"ann", b"\x01bytes", 1000), KEYS, VERSION)
    assert found == PutProfile("shop:profile:ann", VERSION, b"\x01bytes")


def test_a_tombstone_erases_the_profile_and_its_inbox() -> None:
    found = write_of(Record("profiles", b"ann", None, 1000), KEYS, VERSION)
    assert found == DropProfile("shop:profile:ann", "shop:inbox:ann", VERSION, 1000)


def test_an_offer_expires_when_the_promotion_says() -> None:
    value = offered("ann", "d1", at=5000, valid_ms=1000)
    found = write_of(Record("promotions", b"ann", value, 5100), KEYS, VERSION)
    assert found == Offer(
        key="shop:promotion:d1",
        inbox="shop:inbox:ann",
        profile="shop:profile:ann",
        version=VERSION,
        decision_id="d1",
        value=value,
        at=5000,
        expires_at=6000,
        broker_ms=5100,
    )


def test_a_revocation_needs_no_more_than_the_decision() -> None:
    found = write_of(Record("promotions", b"ann", revoked("ann", "d1"), 1), KEYS, VERSION)
    assert found == Revoke("shop:promotion:d1", "shop:inbox:ann", VERSION, "d1")


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (Record("profiles", None, b"x", 1), "has no key"),
        (Record("profiles", b"\xff", b"x", 1), "has a key that is not UTF-8"),
        (Record("promotions", b"ann", None, 1), "has no value"),
        (Record("promotions", b"ann", b"{", 1), "is no promotion: Input data was truncated"),
        (
            Record("promotions", b"ann", b'{"type":"x"}', 1),
            "is no promotion: Invalid value 'x' - at `$.type`",
        ),
    ],
)
def test_what_cannot_be_used_says_why(record: Record, problem: str) -> None:
    assert write_of(record, KEYS, VERSION) == Unreadable(problem)


def test_versions_compare_as_texts_in_the_order_of_epoch_and_offset() -> None:
    versions = [version_of(9, 10**18), version_of(10, 0), version_of(10, 9), version_of(10, 10)]
    assert versions == sorted(versions)
    assert {len(version) for version in versions} == {34}


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (exceptions.TimeoutError("Timeout reading from socket"), Fault.SLOW),
        (exceptions.ConnectionError("Connection refused"), Fault.AWAY),
        (exceptions.AuthenticationError("invalid username-password pair"), Fault.WRONG_PASSWORD),
        (
            exceptions.NoPermissionError("this user has no permissions to run the 'hset' command"),
            Fault.DENIED,
        ),
        # Redis 7.0 inside a script, Valkey 9 inside a script.
        (exceptions.ResponseError("The user executing the script can't run this command"), Fault.DENIED),
        (exceptions.ResponseError("ACL failure in script: User u has no permissions"), Fault.DENIED),
        (exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), Fault.FULL),
        (exceptions.BusyLoadingError("Redis is loading the dataset in memory"), Fault.LOADING),
        (exceptions.ReadOnlyError("You can't write against a read only replica."), Fault.READ_ONLY),
        (exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots"), Fault.DISK),
        (exceptions.ResponseError("WRONGTYPE Operation against a key"), Fault.FAILED),
    ],
)
def test_each_error_of_redis_has_one_meaning_and_a_remedy(error: Exception, fault: Fault) -> None:
    settings = RedisSettings(url="redis://user:secret@shop.example:6379/0", password="hidden")
    found = problem_of(settings, error)
    assert found.fault is fault
    assert str(found).startswith("redis.url shop.example:6379/0: ")
    assert "secret" not in str(found)
    assert "hidden" not in str(found)
    assert "\n" not in str(found)
