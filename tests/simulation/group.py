"""The consumer group: who has which partition numbers. Members are told late, and the silent ones are put out."""

import asyncio
from random import Random

from tests.simulation.loop import OUTSIDE, Process


class Member:
    """One worker in the group. `told`: it has to give up what it has and join again."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.told = asyncio.Event()
        self.joining: asyncio.Future[set[int] | None] | None = None


class Group:
    """Deals `partitions` numbers out, anew whenever somebody comes, goes or is put out."""

    def __init__(self, chance: Random, partitions: int, session_s: float) -> None:
        self._chance = chance
        self._partitions = partitions
        self._session_s = session_s
        self._members: list[Member] = []
        self._round = 0
        self._loop = asyncio.get_running_loop()

    async def join(self, member: Member) -> set[int]:
        """Wait for the numbers that are this member's now."""
        while True:
            member.told.clear()
            joining = member.joining = self._loop.create_future()
            if member not in self._members:
                self._members.append(member)
            self._call()
            numbers = await joining
            if numbers is not None:
                return numbers

    def leave(self, member: Member) -> None:
        """Take a member out."""
        if member in self._members:
            self._members.remove(member)
            self._call()

    def watch(self, member: Member) -> None:
        """Put a member out unless it is heard of within the session."""
        self._loop.call_later(self._session_s, self._expire, member, context=OUTSIDE)

    def _expire(self, member: Member) -> None:
        if member.process.is_paused or member.process.has_ended:
            member.told.set()
            joining, member.joining = member.joining, None
            if joining is not None and not joining.done():
                joining.set_result(None)
            self.leave(member)

    def _call(self) -> None:
        """Ask everybody to join anew; deal once all have."""
        for member in self._members:
            if member.joining is None:
                late_s = self._chance.random() * self._session_s / 3
                self._loop.call_later(late_s, self._tell, member, self._round, context=OUTSIDE)
        self._deal()

    def _tell(self, member: Member, at_round: int) -> None:
        if self._round == at_round:
            member.told.set()

    def _deal(self) -> None:
        if not self._members or any(member.joining is None for member in self._members):
            return
        self._round += 1
        dealt: list[set[int]] = [set() for _ in self._members]
        turn = self._chance.randrange(len(dealt))
        for number in self._chance.sample(range(self._partitions), self._partitions):
            dealt[turn % len(dealt)].add(number)
            turn += 1
        for member, numbers in zip(self._members, dealt, strict=True):
            joining, member.joining = member.joining, None
            assert joining is not None
            if not joining.done():
                joining.set_result(numbers)
