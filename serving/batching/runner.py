"""The thread that runs slice after slice, whatever has gathered while the last one was going on.

No timer: what is queued runs at once ("drain"). Knows arrays, not what runs them.
"""

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from serving.batching.backlog import Backlog, Outcomes
from serving.batching.callers import Caller, Items, Piece, Tally
from serving.batching.speed import Speed

_log = logging.getLogger("serving")

_LEARN_S = 0.01  # between two looks at the speed: of many short runs a few tell enough
_FAR_OFF = 4.0  # times as long as expected: no run takes so long

Run = Callable[[Items], Items]
Observe = Callable[[Items, Items], None]


class Runner:
    """`post` takes outcomes to the event loop; None: the thread has ended."""

    def __init__(  # noqa: PLR0913 -- values, not the settings object
        self,
        run: Run,
        observe: Observe | None,
        speed: Speed,
        tally: Tally,
        *,
        quantum: int,
        post: Callable[[Outcomes | None], None],
    ) -> None:
        self._run = run
        self._observe = observe
        self._speed = speed
        self._tally = tally
        self._post = post
        self._inbox: queue.SimpleQueue[list[Caller] | None] = queue.SimpleQueue()
        self._began_s = math.inf  # of the present run
        self._before: tuple[int, float] | None = None  # run after which others waited; its begin
        self._learned_s = 0.0  # when the speed was last compared with a run
        self.backlog = Backlog(speed, quantum=quantum)  # touched by the thread only
        threading.Thread(target=self._work, name="batcher", daemon=True).start()

    def put(self, callers: list[Caller] | None) -> None:
        """Wake the thread; None: end when everyone is served."""
        self._inbox.put(callers)

    @property
    def ran_s(self) -> float:
        """Seconds since the present run began; 0: there is none."""
        return max(0.0, time.monotonic() - self._began_s)

    def hangs(self, *, after_s: float) -> bool:
        """Whether the present run has taken longer than `after_s` and than any run should."""
        return self.ran_s > max(after_s, _FAR_OFF * self._speed.of_run(self._speed.slice_items))

    def _work(self) -> None:
        more = True
        while more or self.backlog:
            if not self.backlog:
                more = self._receive(self._inbox.get())
            while more and not self._inbox.empty():
                more = self._receive(self._inbox.get())
            pieces, outcomes = self.backlog.next_slice(time.monotonic())
            if outcomes:
                self._post(outcomes)
            if pieces:
                self._timed(pieces)
        self._post(None)

    def _receive(self, callers: list[Caller] | None) -> bool:
        if callers is not None:
            self.backlog.add(callers)
        return callers is not None

    def _timed(self, pieces: Sequence[Piece]) -> None:
        self._began_s = began_s = time.monotonic()
        if self._before:
            self._learn(self._before, began_s)
        items = self._run_slice(pieces, began_s)
        self._began_s = math.inf
        self._before = items, began_s
        if not self.backlog and self._inbox.empty():
            self._learn(self._before, time.monotonic())
            self._before = None

    def _learn(self, run: tuple[int, float], until_s: float) -> None:
        """While others wait, a run lasts until the next one: the loop takes its time between."""
        items, began_s = run
        if items and began_s > self._learned_s + _LEARN_S:
            self._learned_s = began_s
            self._speed.observe(items, until_s - began_s)

    def _run_slice(self, pieces: Sequence[Piece], start_s: float) -> int:
        """Give how many items were run at once; 0: they failed."""
        try:
            joined = pieces[0][1]
            if len(pieces) > 1:
                joined = np.concatenate([items for _, items in pieces])
            if not len(joined):
                return 0  # their callers have left
            results = self._run(joined)
            if len(results) != len(joined):
                raise ValueError(f"{len(joined)} items gave {len(results)} results")  # noqa: TRY301 -- as if run had raised
        except Exception as error:  # noqa: BLE001 -- it is the callers' to handle
            self._after_failure(pieces, error)
            return 0
        self._hand_out(pieces, results)
        self._tally.ran(time.monotonic() - start_s)
        if self._observe is not None:
            try:
                self._observe(joined, results)
            except Exception:  # noqa: BLE001 -- whatever it is, the queue goes on
                _log.exception("a slice could not be observed; its results are out")
        return len(joined)

    def _after_failure(self, pieces: Sequence[Piece], error: Exception) -> None:
        """Run each caller's items alone, so that one bad caller fails without its mates."""
        if len(pieces) > 1:
            for piece in pieces:
                self._run_slice([piece], time.monotonic())
        else:
            caller = pieces[0][0]
            caller.taken = caller.count  # its rest is not run
            self._post([(caller, error)])

    def _hand_out(self, pieces: Sequence[Piece], results: Items) -> None:
        finished: Outcomes = []
        start = 0
        for caller, items in pieces:
            end = start + len(items)
            part = results[start:end]
            start = end
            if caller.taken < caller.count:
                caller.results += (part,)
            else:
                before = caller.results
                finished.append((caller, np.concatenate([*before, part]) if before else part))
        if finished:
            self._post(finished)
