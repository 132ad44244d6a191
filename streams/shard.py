"""The profiles of one partition number while this worker holds it: decoded on first touch, kept for reuse."""

from collections.abc import Collection, Mapping

from schemas.codec import decode_profile, encode_profile
from schemas.ids import ShopperId
from schemas.profiles import Profile
from streams.store import ProfileStore


class Shard:
    """Three layers: decoded profiles, what is being written of them, and the store with what is durable."""

    def __init__(self, number: int, store: ProfileStore, profiles_max: int) -> None:
        self.number = number
        self._store = store
        self._held = store.partition(number)
        self._sent: dict[bytes, bytes] = {}
        self._decoded: dict[ShopperId, Profile] = {}
        self._profiles_max = profiles_max

    def find(self, shopper: ShopperId) -> Profile | None:
        """Return a shopper's profile, to be changed in place; raise `CodecError` for bytes we cannot read."""
        profile = self._decoded.get(shopper)
        if profile is None:
            key = shopper.encode()
            raw = self._sent.get(key) or self._held.get(key)
            if raw is None:
                return None
            profile = self._decoded[shopper] = decode_profile(raw)
        return profile

    def peek(self, shopper: ShopperId) -> Profile | None:
        """Return a shopper's profile, not to be changed, without keeping it; raise `CodecError` as `find` does."""
        profile = self._decoded.get(shopper)
        if profile is None:
            key = shopper.encode()
            raw = self._sent.get(key) or self._held.get(key)
            return None if raw is None else decode_profile(raw)
        return profile

    def shoppers(self) -> list[bytes]:
        """Return the keys of all profiles, those that are not written yet too."""
        fresh = [key for shopper in self._decoded if (key := shopper.encode()) not in self._held]
        return [*self._held, *fresh]

    def create(self, shopper: ShopperId) -> Profile:
        """Return a new profile."""
        profile = self._decoded[shopper] = Profile(shopper)
        return profile

    def restore(self, shopper: ShopperId, before: bytes | None) -> None:
        """Put a profile back to what `encode_profile` gave before; None: there was none."""
        if before is None:
            self._decoded.pop(shopper, None)
        else:
            self._decoded[shopper] = decode_profile(before)

    def forget(self, shopper: ShopperId) -> None:
        """Go back to the profile as it was encoded last."""
        self._decoded.pop(shopper, None)

    def sending(self, profiles: Mapping[ShopperId, Profile]) -> Collection[tuple[bytes, bytes]]:
        """Return profiles as the changelog keeps them, and remember them until `written`."""
        assert not self._sent
        self._sent = {shopper.encode(): encode_profile(profile) for shopper, profile in profiles.items()}
        return self._sent.items()

    def written(self, changed: Collection[ShopperId]) -> None:
        """Take over what is durable now, and keep within the bound of decoded profiles.

        Those in `changed` stay: they are ahead of what was written.
        """
        self._store.put(self.number, self._sent.items())
        self._sent = {}
        excess = len(self._decoded) - self._profiles_max
        if excess > 0:
            idle = (shopper for shopper in self._decoded if shopper not in changed)
            for shopper in [shopper for shopper, _ in zip(idle, range(excess), strict=False)]:
                del self._decoded[shopper]
