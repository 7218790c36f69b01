"""Many awaiting callers, one run: the event loop's half, from who is let in to who is answered.

The thread's half (serving.batching.runner) takes what has gathered and returns the results.
Knows arrays, not where they come from or what runs them.
"""

import asyncio
import time
from collections import deque

from serving.batching.admission import Admission, Ahead, Refused
from serving.batching.backlog import Outcomes
from serving.batching.callers import Caller, Items, Tally
from serving.batching.runner import Observe, Run, Runner
from serving.batching.speed import Speed
from serving.context import Context
from serving.errors import ClientLeft, DeadlineExceeded, ServingError, TooManyImages, Unavailable

_SWEEP_S = 0.25  # how much later than its deadline a caller may hear of it


class Batcher:
    """Belongs to the running event loop; `run` is called in the batcher's own thread.

    `run` maps n items to n results. `observe` sees each slice and its results, in that same
    thread, after the results are on their way.
    """

    def __init__(  # noqa: PLR0913 -- values, not the settings object
        self,
        run: Run,
        speed: Speed,
        *,
        quantum: int,
        queue_items: int,
        deadline_s: float,
        observe: Observe | None = None,
        tally: Tally = Tally(),  # noqa: B008 -- frozen
    ) -> None:
        self._speed = speed
        self._tally = tally
        self._deadline_s = deadline_s
        self.admission = Admission(speed=speed, deadline_s=deadline_s, queue_items=queue_items)
        self._loop = asyncio.get_running_loop()
        self._arrived: list[Caller] = []  # in this turn of the loop
        self._expiring: deque[Caller] = deque()  # touched by the loop only
        self._long: list[Caller] = []  # callers of more items than a slice
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self.waiting = 0  # items of callers without an answer
        self._sure_items = self.admission.sure_items
        self._runner = Runner(run, observe, speed, tally, quantum=quantum, post=self._post)

    async def answer(self, items: Items, context: Context) -> Items:
        """Queue the items of one caller; gives as many results, in order.

        Raises Unavailable when they cannot be answered in time, or what Admission.check does;
        DeadlineExceeded, ClientLeft, or what `run` raised. Cancel it to leave the queue.
        """
        caller = self._enter(items, context)
        context.place = caller
        try:
            return await caller.future
        except (asyncio.CancelledError, ClientLeft):
            self._tally.shed("left", caller.left)
            self._release(caller)
            raise
        finally:
            context.place = None  # no circle: both are freed at once

    def expect(self, context: Context) -> None:
        """Raise, before the body is read, where not even one item could be answered in time."""
        if self.waiting > self._speed.slice_items:
            self._admit(1, context, time.monotonic())

    def _enter(self, items: Items, context: Context) -> Caller:
        if self._closed:
            raise Unavailable("the server is shutting down: send the request again")
        if context.has_left:
            raise ClientLeft("the client closed its side")
        now_s = time.monotonic()
        count = len(items)
        expires_s = self._admit(count, context, now_s)
        caller = Caller(items, count, self._loop.create_future(), now_s, expires_s, context)
        self._wait_for(count)
        self._expiring.append(caller)
        if count > self._speed.slice_items:
            self._long = [*self._still_long(), caller]
        if self._timer is None:
            self._timer = self._loop.call_later(_SWEEP_S, self._sweep)
        if not self._arrived:
            self._loop.call_soon(self._wake_runner)
        self._arrived.append(caller)
        return caller

    def _admit(self, items: int, context: Context, now_s: float) -> float:
        """Give when they expire; raises as Admission.check."""
        limit_s = min(context.limit_s, self._deadline_s)
        expires_s = context.arrived_s + limit_s
        if limit_s == self._deadline_s and self.waiting + items <= self._sure_items:
            return expires_s
        try:
            self.admission.check(items, self._ahead(), limit_s=limit_s, left_s=expires_s - now_s)
        except Refused as refusal:
            self._tally.shed(refusal.reason, items)
            raise
        except (TooManyImages, DeadlineExceeded):
            self._tally.shed("too_many", items)
            raise
        return expires_s

    def _ahead(self) -> Ahead:
        most_s = self._speed.of_run(self._speed.slice_items)
        long = [caller.left for caller in self._long if not caller.future.done()]
        return Ahead(self.waiting, long, min(self._runner.ran_s, most_s))

    def _still_long(self) -> list[Caller]:
        return [caller for caller in self._long if caller.left and not caller.future.done()]

    def _wait_for(self, more: int) -> None:
        self.waiting += more
        self._tally.waiting(more)

    def _release(self, caller: Caller) -> None:
        """Count a caller no longer; what is left of its items is not kept."""
        if caller.waits:
            caller.waits = False
            self._wait_for(-caller.count)
            caller.forget()

    def _wake_runner(self) -> None:
        """Wake the thread once for all who came in one turn of the loop, not for the first."""
        arrived, self._arrived = self._arrived, []
        if arrived:
            self._runner.put(arrived)

    async def close(self, *, abandon: bool = False) -> None:
        """Take nobody new, answer everyone queued (`abandon`: with Unavailable), end the thread."""
        self._runner.backlog.abandoned |= abandon
        if not self._closed:
            self._closed = True
            self._wake_runner()
            self._runner.put(None)
        await asyncio.shield(self._ended)

    def hangs(self, *, after_s: float) -> bool:
        """Whether the present run has taken longer than `after_s` and than any run should."""
        return self._runner.hangs(after_s=after_s)

    def _post(self, outcomes: Outcomes | None) -> None:
        """Called by the thread."""
        if outcomes is None:
            self._loop.call_soon_threadsafe(self._ended.set_result, None)
        else:
            self._loop.call_soon_threadsafe(self._deliver, outcomes)

    def _deliver(self, outcomes: Outcomes) -> None:
        now_s = time.monotonic()
        answered, ran_s = 0, 0.0
        for caller, outcome in outcomes:
            if caller.waits:
                caller.waits = False
                answered += caller.count
            if caller.future.done():
                continue
            if isinstance(outcome, BaseException):
                if isinstance(outcome, ServingError):
                    self._tally.shed("late", caller.count)
                caller.future.set_exception(outcome)
            elif outcome is not None:
                context = caller.context
                context.images += caller.count
                context.queue_s = caller.began_s - caller.came_s
                context.run_s = now_s - caller.began_s
                ran_s += context.run_s
                self._tally.queued(context.queue_s)
                caller.future.set_result(outcome)
        if answered:
            self._wait_for(-answered)
            self._tally.answered(ran_s)
        while self._expiring and self._expiring[0].future.done():
            self._expiring.popleft()

    def _sweep(self) -> None:
        """Tell callers whose deadline passed, also while a long run keeps the thread."""
        now_s = time.monotonic()
        waits: deque[Caller] = deque()
        for caller in self._expiring:
            if caller.future.done():
                continue
            if now_s > caller.expires_s:
                self._tally.shed("late", caller.left)
                self._release(caller)
                caller.future.set_exception(
                    DeadlineExceeded("no answer in time: a run took longer than expected")
                )
            else:
                waits.append(caller)
        self._expiring, self._long = waits, self._still_long()
        self._sure_items = self.admission.sure_items
        self._tally.work(self._speed.of_work(self.waiting) if self.waiting else 0.0)
        self._timer = self._loop.call_later(_SWEEP_S, self._sweep) if waits else None
