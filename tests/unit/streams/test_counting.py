"""Shares of the last events that are our fault: an error line, or the end of the worker."""

from collections import Counter

import pytest

from schemas.errors import BeckonError
from streams.batch import Failure, Result
from streams.counting import Shares
from streams.reading import Read
from streams.settings import WorkerSettings
from tests.support.chunks import record


def _share(records: int, failed: int = 0, strays: int = 0) -> tuple[Read, Result]:
    failures = [Failure(record("clicks", 0, offset, b""), "KeyError: 'x'") for offset in range(failed)]
    return Read(records=records, reasons=Counter()), Result(failures=failures, strays=strays)


def test_more_than_one_percent_of_faults_of_ours_is_an_error_with_the_last_fault() -> None:
    shares = Shares(WorkerSettings())
    shares.count(*_share(9_000, failed=100))
    with pytest.raises(BeckonError) as caught:
        shares.count(*_share(900, failed=1))
    assert str(caught.value).startswith(
        "worker: 101 of the last 9900 events failed in processing, the last one by KeyError: 'x'; "
    )


def test_strays_above_one_percent_are_one_error_line_until_they_are_fewer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shares = Shares(WorkerSettings(strays_alert_share=0.01))
    lines = []
    for strays in (100, 1, 1, 0, 200):
        shares.count(*_share(5_000, strays=strays))
        lines.append(len(caplog.records))
    assert lines == [0, 1, 1, 1, 2]
    assert "partitioner=murmur2_random" in caplog.records[0].fields["remedy"]
