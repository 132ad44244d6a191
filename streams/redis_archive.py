"""Profiles and promotions as Redis has them: at once, without reading a topic, and as old as the mirror is."""

from processors.policy import ProfilePolicy
from processors.profile_page import profile_line
from schemas.decisions import Decision, Promotion
from schemas.errors import InputError
from schemas.profiles import Profile
from streams.archive import NotFoundError, Wanted
from streams.records import profile_json
from streams.redis_clients import place_of
from streams.redis_reader import RedisReader
from streams.settings import RedisSettings


class RedisArchive:
    """Reads what `beckon mirror` wrote; profiles are seen from each shopper's newest event.

    Redis has no decision records: `inbox` and `promotion` say what was sent and still holds.
    """

    def __init__(self, settings: RedisSettings, policy: ProfilePolicy) -> None:
        self.name = f"Redis at {place_of(settings)}"
        self._reader = RedisReader(settings)
        self._policy = policy

    def profile(self, user: str) -> bytes | None:
        profile = self.state(user)
        if profile is None:
            return None
        return profile_json(profile_line(profile, profile.last_seen, self._policy))

    def state(self, user: str) -> Profile | None:
        return self._reader.profile(user)

    def nobody(self, user: str) -> NotFoundError:
        hint = "ids are compared letter by letter; the mirror may lag, `--kafka` does not"
        return NotFoundError(f"shopper {user}", f"is not in {self.name}", hint)

    def decisions(self, needle: str, wanted: Wanted) -> list[Decision]:  # noqa: ARG002 - the protocol's
        """Raise `InputError`: there are none here."""
        raise InputError(self.name, "keeps no decision records", "ask with --kafka")

    def inbox(self, user: str) -> list[Promotion]:
        """Return the promotions that wait for a shopper, by the time of their triggers."""
        return self._reader.inbox(user)

    def promotion(self, decision_id: str) -> Promotion:
        """Return a promotion by its whole id; raise `NotFoundError` where none holds under it."""
        found = self._reader.promotion(decision_id.strip().lower())
        if found is None:
            problem = f"is no promotion in {self.name} that still holds"
            raise NotFoundError(
                f"decision {decision_id}", problem, "write the whole id, or ask `beckon why --kafka`"
            )
        return found
