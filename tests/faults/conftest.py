"""What the tests of faults share: where their table goes."""

from pathlib import Path

import pytest

from tests.faults.results import Results


@pytest.fixture(scope="session")
def results() -> Results:
    """The table of this session; it is written after every run, to `.beckon/faults`."""
    return Results(Path(".beckon") / "faults")
