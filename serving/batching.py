"""Many awaiting callers, one run: whatever is queued runs at once, no timer.

A thread takes what has gathered while its last run was going on ("drain"), at most
`slice_items` items, and hands the results back to the event loop. A caller with more items
than a slice goes to the back of the queue after each slice, so it does not hold up the small
ones. Knows arrays, not where they come from or what runs them.
"""

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import DeadlineExceeded, Unavailable

_log = logging.getLogger("serving")

_SWEEP_S = 0.25  # how much later than its deadline a caller may hear of it

Items = NDArray[Any]  # one item per index of axis 0
Outcome = Items | BaseException | None  # None: the caller has gone


@dataclass(slots=True, eq=False)
class _Caller:
    items: Items
    future: asyncio.Future[Items]
    expires_s: float
    taken: int = 0  # items that already are in a slice
    results: list[Items] = field(default_factory=list)

    @property
    def left(self) -> int:
        return len(self.items) - self.taken


@dataclass(slots=True, frozen=True)
class _Piece:
    """The part of one caller's items that runs in one slice."""

    caller: _Caller
    items: Items


class Batcher:
    """Belongs to the running event loop; `run` is called in the batcher's own thread.

    `run` maps n items to n results. `observe` sees each slice and its results, in that same
    thread, after the results are on their way. `count_waiting` is told, in the loop, how many more
    items wait for an answer, or how many fewer; several batchers may tell the same one.
    """

    def __init__(  # noqa: PLR0913 -- values, not the settings object
        self,
        run: Callable[[Items], Items],
        *,
        slice_items: int = 64,
        queue_items: int = 4096,
        deadline_s: float = 10.0,
        observe: Callable[[Items, Items], None] | None = None,
        count_waiting: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._run = run
        self._observe = observe
        self._count_waiting = count_waiting
        self._slice_items = slice_items
        self._queue_items = queue_items
        self._deadline_s = deadline_s
        self._loop = asyncio.get_running_loop()
        self._arrived: list[_Caller] = []  # in this turn of the loop
        self._inbox: queue.SimpleQueue[list[_Caller] | None] = queue.SimpleQueue()
        self._backlog: deque[_Caller] = deque()  # touched by the thread only
        self._line: deque[_Caller] = deque()  # touched by the loop only; by deadline
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._abandoned = False
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self.waiting = 0  # items of callers without an answer
        threading.Thread(target=self._work, name="batcher", daemon=True).start()

    def submit(self, items: Items) -> asyncio.Future[Items]:
        """Queue the items of one caller; the future holds as many results, in order.

        Raises Unavailable when the queue is full or closed. The future may hold
        DeadlineExceeded, Unavailable, or what `run` raised. Cancel it to leave the queue.
        """
        if self._closed:
            raise Unavailable("the server is shutting down: send the request again")
        if self.waiting + len(items) > self._queue_items:
            raise Unavailable(
                f"the queue is full ({self._queue_items} images may wait): try again later"
            )
        future: asyncio.Future[Items] = self._loop.create_future()
        self._wait_for(len(items))
        caller = _Caller(items, future, time.monotonic() + self._deadline_s)
        self._line.append(caller)
        if self._timer is None:
            self._timer = self._loop.call_later(_SWEEP_S, self._expire)
        if not self._arrived:
            self._loop.call_soon(self._hand_over)
        self._arrived.append(caller)
        return future

    def _wait_for(self, more: int) -> None:
        self.waiting += more
        self._count_waiting(more)

    def _hand_over(self) -> None:
        """Wake the thread once for all who came in one turn of the loop, not for the first."""
        arrived, self._arrived = self._arrived, []
        if arrived:
            self._inbox.put(arrived)

    async def close(self, *, abandon: bool = False) -> None:
        """Take nobody new, answer everyone queued (`abandon`: with Unavailable), end the thread."""
        self._abandoned |= abandon
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._inbox.put(None)
        await asyncio.shield(self._ended)

    def _work(self) -> None:
        more = True
        while more or self._backlog:
            if not self._backlog:
                more = self._receive(self._inbox.get())
            while more and not self._inbox.empty():
                more = self._receive(self._inbox.get())
            pieces, settled = self._gather(time.monotonic())
            if settled:
                self._post(settled)
            if pieces:
                self._run_slice(pieces)
        self._loop.call_soon_threadsafe(self._ended.set_result, None)

    def _receive(self, callers: list[_Caller] | None) -> bool:
        if callers is not None:
            self._backlog.extend(callers)
        return callers is not None

    def _gather(self, now_s: float) -> tuple[list[_Piece], list[tuple[_Caller, Outcome]]]:
        """Take the next slice from the front, and settle whoever needs no run any more."""
        pieces: list[_Piece] = []
        settled: list[tuple[_Caller, Outcome]] = []
        unfinished: list[_Caller] = []
        room = self._slice_items
        while room and self._backlog:
            caller = self._backlog.popleft()
            if caller.future.done():
                settled.append((caller, None))
            elif self._abandoned:
                settled.append((caller, Unavailable("the server has shut down")))
            elif now_s > caller.expires_s:
                settled.append((caller, DeadlineExceeded(self._too_late)))
            else:
                items = caller.items[caller.taken : caller.taken + room]
                caller.taken += len(items)
                room -= len(items)
                pieces.append(_Piece(caller, items))
                if caller.left:
                    unfinished.append(caller)
        self._backlog.extend(unfinished)
        return pieces, settled

    @property
    def _too_late(self) -> str:
        return f"no answer within {self._deadline_s:g} s in the queue: try again later"

    def _run_slice(self, pieces: list[_Piece]) -> None:
        try:
            joined = pieces[0].items
            if len(pieces) > 1:
                joined = np.concatenate([piece.items for piece in pieces])
            results = self._run(joined)
            if len(results) != len(joined):
                raise ValueError(f"{len(joined)} items gave {len(results)} results")  # noqa: TRY301 -- as if run had raised
        except Exception as error:  # noqa: BLE001 -- it is the callers' to handle
            self._after_failure(pieces, error)
            return
        self._hand_out(pieces, results)
        if self._observe is not None:
            try:
                self._observe(joined, results)
            except Exception:  # noqa: BLE001 -- whatever it is, the queue goes on
                _log.exception("a slice could not be observed; its results are out")

    def _after_failure(self, pieces: list[_Piece], error: Exception) -> None:
        """Run each caller's items alone, so that one bad caller fails without its mates."""
        if len(pieces) > 1:
            for piece in pieces:
                self._run_slice([piece])
        else:
            caller = pieces[0].caller
            if caller in self._backlog:
                self._backlog.remove(caller)
            self._post([(caller, error)])

    def _hand_out(self, pieces: list[_Piece], results: Items) -> None:
        finished: list[tuple[_Caller, Outcome]] = []
        start = 0
        for piece in pieces:
            caller, end = piece.caller, start + len(piece.items)
            caller.results.append(results[start:end])
            start = end
            if not caller.left:
                parts = caller.results
                finished.append((caller, parts[0] if len(parts) == 1 else np.concatenate(parts)))
        if finished:
            self._post(finished)

    def _post(self, outcomes: list[tuple[_Caller, Outcome]]) -> None:
        self._loop.call_soon_threadsafe(self._settle, outcomes)

    def _settle(self, outcomes: list[tuple[_Caller, Outcome]]) -> None:
        self._wait_for(-sum(len(caller.items) for caller, _ in outcomes))
        for caller, outcome in outcomes:
            if caller.future.done():
                continue
            if isinstance(outcome, BaseException):
                caller.future.set_exception(outcome)
            elif outcome is not None:
                caller.future.set_result(outcome)
        while self._line and self._line[0].future.done():
            self._line.popleft()

    def _expire(self) -> None:
        """Tell callers whose deadline passed, also while a long run keeps the thread."""
        now_s = time.monotonic()
        line = self._line
        while line and (line[0].future.done() or now_s > line[0].expires_s):
            caller = line.popleft()
            if not caller.future.done():
                caller.future.set_exception(DeadlineExceeded(self._too_late))
        self._timer = self._loop.call_later(_SWEEP_S, self._expire) if line else None
