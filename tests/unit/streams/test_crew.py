"""Several processes, one order of results, and one line for what goes wrong in them."""

import errno
import os
import signal
from collections.abc import Callable

import msgspec
import pytest

from streams.crew import Crew, CrewError

read_int = msgspec.msgpack.Decoder(int).decode


def results(jobs: int, work: Callable[[int], int], count: int) -> list[int]:
    with Crew(jobs, work, read_int, read_int) as crew:
        found = [result for number in range(count) for result in crew.give(number)]
        return [*found, *crew.rest()]


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_results_come_in_the_order_of_the_tasks(jobs: int) -> None:
    assert results(jobs, lambda number: number**2, 50) == [number**2 for number in range(50)]


def test_the_work_is_done_in_as_many_processes_as_there_are_jobs() -> None:
    with Crew(3, lambda _: os.getpid(), read_int, read_int) as crew:
        found = crew.give_all(0)
    assert len({*found, os.getpid()}) == 4


def test_one_job_needs_no_process() -> None:
    with Crew(1, lambda _: os.getpid(), read_int, read_int) as crew:
        assert [*crew.give(0), *crew.give_all(0)] == [os.getpid()] * 2


def test_a_process_that_is_killed_ends_the_run_in_one_line() -> None:
    def die(number: int) -> int:
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(CrewError) as caught:
        results(2, die, 9)
    assert str(caught.value) == (
        "--jobs: a process of this run was ended by signal 9; run it again, with fewer --jobs if memory is short"
    )


def test_a_full_disk_in_a_process_is_a_full_disk_here() -> None:
    def fill(_: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left on device") as caught:
        results(2, fill, 1)
    assert caught.value.errno == errno.ENOSPC


def test_a_fault_in_a_process_is_told_in_one_line() -> None:
    with pytest.raises(CrewError, match=r"^--jobs: a process failed \(ZeroDivisionError: .*\); report it"):
        results(2, lambda number: 1 // number, 1)


def test_no_process_is_left_behind() -> None:
    with Crew(2, lambda _: os.getpid(), read_int, read_int) as crew:
        pids = crew.give_all(0)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
