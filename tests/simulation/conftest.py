"""What all tests of the simulation share."""

import gc
import logging
from collections.abc import Iterator

import pytest

from tests.simulation.run import Stores


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Stores of workers, made once: making one costs more than a run."""
    made = Stores(str(tmp_path_factory.mktemp("simulation")))
    gc.collect()
    gc.freeze()  # each run leaves cycles behind; looking for them must not walk all that was imported
    yield made
    gc.unfreeze()


@pytest.fixture
def stores(made: Stores) -> Iterator[Stores]:
    """Stores of workers, and silence of those that lose their partitions on purpose."""
    logger = logging.getLogger("beckon")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    yield made
    logger.setLevel(level)
