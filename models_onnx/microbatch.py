"""Requests of many lanes in one call of the model: what waits when a thread gets free is scored together.

A thread takes what is queued and does not wait for more: on a CPU a wait buys nothing. On a GPU some
milliseconds of company pay (`wait_s`). The threads share one session: it is made for that, and a second one
would hold the weights twice.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from threading import Lock
from typing import NamedTuple

from models_onnx.scorer import Scorer, SomeFailedError
from schemas.ids import Tags

#: Texts that one thread takes at once, unless a call takes more: enough to sort them by length, few enough that
#: a small request waits little.
TEXTS_AT_ONCE = 256
#: Titles and searches are shorter than this on the mean.
_TOKENS_PER_TEXT = 8


class _Request(NamedTuple):
    """`at`: monotonic second at which it was queued."""

    scorer: Scorer
    texts: Sequence[str]
    at: float
    answer: Future[dict[str, Tags]]


class MicroBatcher:
    """Some threads and the requests that wait for them. Thread-safe."""

    def __init__(self, threads: int, wait_s: float, batch_tokens: int) -> None:
        self._wait_s = wait_s
        self._at_once = max(TEXTS_AT_ONCE, batch_tokens // _TOKENS_PER_TEXT)
        self._queue: deque[_Request] = deque()
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="tagger")

    def submit(self, scorer: Scorer, texts: Sequence[str]) -> Future[dict[str, Tags]]:
        """Queue texts for a model; the answer has the tags of each, perhaps of others too."""
        request = _Request(scorer, texts, time.monotonic(), Future())
        with self._lock:
            self._queue.append(request)
        # One run per request, though a run may answer several: no request is ever left without a thread.
        self._threads.submit(self._run)
        return request.answer

    def waiting(self) -> int:
        """Return how many texts wait for a thread."""
        with self._lock:
            return sum(len(request.texts) for request in self._queue)

    def close(self) -> None:
        """End the threads; what waits is cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            left, self._queue = self._queue, deque()
        for request in left:
            request.answer.cancel()

    def _run(self) -> None:
        self._wait_for_company()
        requests = [request for request in self._take() if request.answer.set_running_or_notify_cancel()]
        if not requests:
            return
        texts = [text for request in requests for text in request.texts]
        try:
            tags = requests[0].scorer.score(texts)
        except SomeFailedError as error:
            for request in requests:
                if error.tags.keys() >= set(request.texts):
                    request.answer.set_result(dict(error.tags))
                else:
                    request.answer.set_exception(error)
        except BaseException as error:  # noqa: BLE001 -- whoever waits for the answer raises it
            for request in requests:
                request.answer.set_exception(error)
        else:
            for request in requests:
                request.answer.set_result(tags)

    def _wait_for_company(self) -> None:
        with self._lock:
            if not self._queue or self._wait_s <= 0:
                return
            enough = sum(len(request.texts) for request in self._queue) >= self._at_once
            left_s = self._queue[0].at + self._wait_s - time.monotonic()
        if not enough and left_s > 0:
            time.sleep(left_s)

    def _take(self) -> list[_Request]:
        """Take the first request, and those after it for the same model while they are few."""
        taken: list[_Request] = []
        room = self._at_once
        with self._lock:
            while self._queue:
                first = self._queue[0]
                if taken and (len(first.texts) > room or first.scorer is not taken[0].scorer):
                    break
                taken.append(self._queue.popleft())
                room -= len(first.texts)
        return taken


class Door:
    """Lets at most so many texts in; who comes then waits outside, and with it its partition. For one loop."""

    def __init__(self, texts_max: int) -> None:
        self._texts_max = texts_max
        self._inside = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def enter(self, texts: int) -> AsyncIterator[None]:
        """Wait for room; more texts than fit come in alone."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._inside or self._inside + texts <= self._texts_max)
            self._inside += texts
        try:
            yield
        finally:
            self._inside -= texts
            async with self._changed:
                self._changed.notify_all()
