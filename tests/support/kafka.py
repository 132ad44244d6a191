"""Topics for tests on the real broker: made fast, named apart, removed afterwards."""

import time
from collections.abc import Mapping
from uuid import uuid4

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

READY_S = 20.0


class Topics:
    """The topics of one test; their names begin with `prefix`, which fits `topics.prefix` of the settings."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.prefix = f"t{uuid4().hex[:8]}-"
        self._admin = AdminClient({"bootstrap.servers": servers})

    def create(
        self, *names: str, partitions: int = 4, config: Mapping[str, str | int] | None = None
    ) -> list[str]:
        """Create `prefix + name` for each name and return them once every partition has a leader."""
        full = [self.prefix + name for name in names]
        settings = {key: str(value) for key, value in (config or {}).items()}
        new = [NewTopic(name, partitions, 1, config=settings) for name in full]
        for created in self._admin.create_topics(new, operation_timeout=READY_S).values():
            created.result(READY_S)
        self._wait_for_leaders(full, partitions)
        return full

    def remove(self) -> None:
        """Delete every topic that begins with the prefix, those made by others included."""
        mine = [
            name for name in self._admin.list_topics(timeout=READY_S).topics if name.startswith(self.prefix)
        ]
        if not mine:
            return
        for deleted in self._admin.delete_topics(mine).values():
            deleted.result(READY_S)

    def _wait_for_leaders(self, names: list[str], partitions: int) -> None:
        deadline = time.monotonic() + READY_S
        while not all(self._led(name, partitions) for name in names):
            assert time.monotonic() < deadline, f"no leader for {names} within {READY_S} s"
            time.sleep(0.02)

    def _led(self, name: str, partitions: int) -> bool:
        try:
            found = self._admin.list_topics(name, timeout=READY_S).topics[name].partitions
        except KafkaException:
            return False
        return len(found) == partitions and all(part.leader >= 0 for part in found.values())
