"""Where Faust would recover its table: our fence and our restore instead.

When recovery begins and what follows it (sources set to their offsets, their flow resumed) stays Faust's. Its own
reading never ends on a changelog that was written in transactions: it waits for the record before the end, which
is a marker.
"""

from typing import Any

from aiokafka.errors import IllegalStateError
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from mode import Service


class FencedRecovery(Recovery):
    """Asks `transport.hooks.restore` for the partition numbers that were assigned."""

    @Service.task
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            starts: Any = self.signal_recovery_start
            if await self.wait_for_stopped(starts):
                break
            starts.clear()
            generation_id = self._generation_id
            numbers = {tp.partition for tp in self.active_tps}
            try:
                self._set_recovery_started()
                await self._wait(self.app.transport.hooks.restore(numbers))
                await self._wait(self.on_recovery_completed(generation_id))
            except (RebalanceAgain, IllegalStateError):
                continue
            except ServiceStopped:
                break

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Nothing comes through Faust's queue of changelog records."""

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """Stop the flow first: the stock method lets sources flow before it has set them to their offsets.

        A recovery that ends just after its partitions were taken away opens nothing.
        """
        if self.app.consumer.between_assignments:
            return
        self.app.consumer.stop_flow()
        await super().on_recovery_completed(generation_id)


class Tables(TableManager):
    """Faust's table manager with our recovery (Faust's setting TableManager)."""

    _recovery: FencedRecovery | None

    @property
    def recovery(self) -> FencedRecovery:
        """The recovery service of all tables."""
        if self._recovery is None:
            self._recovery = FencedRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
