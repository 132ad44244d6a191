"""Profiles of one partition number: decoded once, written back, bounded."""

from pathlib import Path

import pytest

from schemas.codec import CodecError, decode_profile, encode_profile
from schemas.ids import ShopperId
from streams.shard import Shard
from tests.support.chunks import profile_store

ANN, BOB = ShopperId("ann"), ShopperId("bob")


def _shard(folder: Path, profiles_max: int = 10) -> Shard:
    return Shard(0, profile_store(folder), profiles_max)


def _write(shard: Shard, shopper: ShopperId) -> None:
    shard.sending({shopper: shard.create(shopper)})
    shard.written(())


def test_a_profile_is_found_once_it_was_created_and_again_after_it_was_written(tmp_path: Path) -> None:
    store = profile_store(tmp_path)
    shard = Shard(0, store, 10)
    assert shard.find(ANN) is None
    shard.create(ANN).views = 3
    _write(shard, ANN)
    ((key, value),) = store.partition(0).items()
    assert (key, decode_profile(value).shopper) == (b"ann", ANN)
    fresh = Shard(0, store, 10)
    assert fresh.find(ANN) == shard.find(ANN)
    assert fresh.find(ANN) is fresh.find(ANN)


def test_forgetting_goes_back_to_what_was_written(tmp_path: Path) -> None:
    shard = _shard(tmp_path)
    _write(shard, ANN)
    found = shard.find(ANN)
    assert found is not None
    found.views = 5
    shard.forget(ANN)
    again = shard.find(ANN)
    assert again is not None
    assert again.views == 0


def test_restoring_puts_back_what_was_there_before_or_nothing(tmp_path: Path) -> None:
    shard = _shard(tmp_path)
    before = encode_profile(shard.create(ANN))
    shard.create(ANN).views = 5
    shard.restore(ANN, before)
    found = shard.find(ANN)
    assert found is not None
    assert found.views == 0
    shard.create(BOB)
    shard.restore(BOB, None)
    assert shard.find(BOB) is None


def test_decoded_profiles_stay_within_their_bound_and_nothing_is_lost(tmp_path: Path) -> None:
    shard = _shard(tmp_path, profiles_max=3)
    shoppers = [ShopperId(f"s{number}") for number in range(10)]
    for shopper in shoppers:
        profile = shard.create(shopper)
        profile.views = 7
        shard.sending({shopper: profile})
        shard.written(())
    assert len(shard._decoded) == 3
    found = [shard.find(shopper) for shopper in shoppers]
    assert [profile.views for profile in found if profile is not None] == [7] * 10


def test_while_a_profile_is_being_written_forgetting_goes_back_to_what_is_written(tmp_path: Path) -> None:
    store = profile_store(tmp_path)
    shard = Shard(0, store, 10)
    profile = shard.create(ANN)
    profile.views = 3
    shard.sending({ANN: profile})
    assert store.partition(0) == {}
    profile.views = 9
    shard.forget(ANN)
    found = shard.find(ANN)
    assert found is not None
    assert found.views == 3
    shard.written(())
    assert store.partition(0).keys() == {b"ann"}


def test_a_profile_that_is_ahead_of_what_was_written_stays_decoded(tmp_path: Path) -> None:
    shard = _shard(tmp_path, profiles_max=1)
    ann = shard.create(ANN)
    shard.sending({ANN: ann})
    ann.views = 4
    shard.create(BOB)
    shard.written({ANN})
    assert shard.find(ANN) is ann
    assert shard.find(BOB) is None


def test_bytes_that_are_no_profile_are_an_error_with_a_remedy(tmp_path: Path) -> None:
    store = profile_store(tmp_path)
    store.put(0, [(b"ann", b"\x09rubbish")])
    with pytest.raises(CodecError) as caught:
        Shard(0, store, 10).find(ANN)
    assert str(caught.value) == "profile: has format 09, known is 01; run the Beckon version that wrote it"
