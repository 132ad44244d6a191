"""The profiles of one partition number while this worker holds it: decoded on first touch, kept for reuse."""

from schemas.codec import decode_profile, encode_profile
from schemas.ids import ShopperId
from schemas.profiles import Profile
from streams.store import ProfileStore


class Shard:
    """`store` holds what the changelog has acknowledged; profiles decoded here may be ahead of it."""

    def __init__(self, number: int, store: ProfileStore, profiles_max: int) -> None:
        self.number = number
        self._store = store
        self._held = store.partition(number)
        self._decoded: dict[ShopperId, Profile] = {}
        self._profiles_max = profiles_max

    def find(self, shopper: ShopperId) -> Profile | None:
        """Return a shopper's profile, to be changed in place; raise `CodecError` for bytes we cannot read."""
        profile = self._decoded.get(shopper)
        if profile is None:
            raw = self._held.get(shopper.encode())
            if raw is None:
                return None
            profile = self._decoded[shopper] = decode_profile(raw)
        return profile

    def peek(self, shopper: ShopperId) -> Profile | None:
        """Return a shopper's profile, not to be changed, without keeping it; raise `CodecError` as `find` does."""
        profile = self._decoded.get(shopper)
        if profile is None:
            raw = self._held.get(shopper.encode())
            return None if raw is None else decode_profile(raw)
        return profile

    def shoppers(self) -> list[bytes]:
        """Return the keys of all profiles that the changelog has."""
        return list(self._held)

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
        """Go back to the stored profile."""
        self._decoded.pop(shopper, None)

    def encoded(self, profiles: dict[ShopperId, Profile]) -> list[tuple[bytes, bytes]]:
        """Return profiles as the changelog keeps them."""
        return [(shopper.encode(), encode_profile(profile)) for shopper, profile in profiles.items()]

    def written(self, values: list[tuple[bytes, bytes]]) -> None:
        """Take over what the changelog has acknowledged, and keep within the bound of decoded profiles."""
        self._store.put(self.number, values)
        excess = len(self._decoded) - self._profiles_max
        if excess > 0:
            for shopper in list(self._decoded)[:excess]:
                del self._decoded[shopper]
