"""Threads that decode: a few for small pictures, one for large ones, whose memory is charged."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from serving.errors import DeadlineExceeded, Unavailable
from serving.wire.budget import Budget

T = TypeVar("T")


class _Line:
    """A bound on those who wait."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting = 0

    def __enter__(self) -> None:
        if self._waiting >= self._most:
            raise Unavailable("too many pictures are waiting: try again later")
        self._waiting += 1

    def __exit__(self, *_: object) -> None:
        self._waiting -= 1


class SmallLane:
    """A few at a time; what decoding takes is taken from `budget` for as long as it runs."""

    def __init__(self, budget: Budget, *, threads: int, most_waiting: int) -> None:
        self._budget = budget
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pictures")
        self._line = _Line(most_waiting)

    async def run(self, work: Callable[[], T], *, cost_bytes: int) -> T:
        """Raise Unavailable when too many wait already, or memory is short for too long."""
        with self._line:
            await self._budget.take(cost_bytes)
            return await _paid(self._threads, work, partial(self._budget.give_back, cost_bytes))


class LargeLane:
    """One at a time, in a thread of its own; what decoding takes is taken from the bodies' memory.

    A turn ends when the thread is done, not when its client hangs up. Belongs to the running loop.
    """

    def __init__(self, budget: Budget, *, most_waiting: int) -> None:
        self._budget = budget
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="large-pictures")
        self._turn = asyncio.Lock()
        self._line = _Line(most_waiting)

    async def run(self, work: Callable[[], T], *, cost_bytes: int, patience_s: float) -> T:
        """Raise what Budget.take raises; DeadlineExceeded, when its turn takes `patience_s`."""
        self._budget.check(cost_bytes)
        with self._line:
            try:
                async with asyncio.timeout(patience_s):
                    await self._turn.acquire()
            except TimeoutError:
                raise DeadlineExceeded("other large pictures took too long: try again") from None
            try:
                await self._budget.take(cost_bytes)
            except BaseException:
                self._turn.release()
                raise
            return await _paid(self._thread, work, partial(self._end, cost_bytes))

    def _end(self, cost_bytes: int) -> None:
        self._budget.give_back(cost_bytes)
        self._turn.release()


async def _paid(threads: ThreadPoolExecutor, work: Callable[[], T], end: Callable[[], None]) -> T:
    """Run it; `end` is called in the loop when the thread is done, whoever still waits for it."""
    loop = asyncio.get_running_loop()

    def ended(_: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: the server is gone
            loop.call_soon_threadsafe(end)

    future: Future[T] = threads.submit(work)
    future.add_done_callback(ended)
    return await asyncio.wrap_future(future)
