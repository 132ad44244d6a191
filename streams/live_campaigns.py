"""The campaigns of the topic `campaigns`, for a worker without a file of its own: `apply` and `pause` take effect
within seconds, without a restart, between two batches."""

from processors.campaigns import Campaigns
from processors.policy import ProfilePolicy
from schemas.campaigns import CampaignFile
from schemas.errors import BeckonError, CampaignError
from streams import log
from streams.campaign_topic import Follower
from streams.parts import compiled
from streams.settings import Settings


class LiveCampaigns:
    """Follows the topic. A file that cannot be used changes nothing: the one before stays, and the log says why."""

    def __init__(self, settings: Settings, policy: ProfilePolicy) -> None:
        self._settings = settings
        self._policy = policy
        self._follower = Follower(settings.kafka, settings.topics.prefix)
        self._problems: frozenset[str] = frozenset()
        #: Problems found since the start; one that stays counts once.
        self.problems_total = 0

    def start(self) -> Campaigns | None:
        """Return the campaigns that the topic holds now, None where nothing was applied yet.

        Raise `BrokerError` where no broker answers, `TopicError` where the topic is missing.
        """
        file = self._follower.read_to_end()
        return None if file is None else self._compiled(file)

    def following(self) -> Campaigns | None:
        """Return other campaigns if there are some; waits a moment for them, so call it in a thread."""
        try:
            file = self._follower.poll()
        except BeckonError as error:  # the broker is away for a while; what is decided by is still there
            self._tell(frozenset({str(error)}))
            return None
        campaigns = None if file is None else self._compiled(file)
        if file is None or campaigns is not None:
            self._tell(frozenset(map(str, self._follower.problems.values())))
        return campaigns

    def close(self) -> None:
        """Stop following."""
        self._follower.close()

    def _compiled(self, file: CampaignFile) -> Campaigns | None:
        try:
            campaigns = compiled(file, self._settings, self._policy)
        except CampaignError as error:  # good for whoever applied it, with other settings than ours
            self._tell(frozenset({str(error)}))
            return None
        log.info("campaigns_switched", campaigns=len(file.campaigns), digest=campaigns.digest)
        return campaigns

    def _tell(self, problems: frozenset[str]) -> None:
        fresh = problems - self._problems
        for problem in sorted(fresh):
            log.error("campaigns_problem", problem=problem)
        self.problems_total += len(fresh)
        self._problems = problems
