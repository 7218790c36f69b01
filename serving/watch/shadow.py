"""The challenger answers some of the primary's images too, unseen; agreement is counted.

It has a thread of its own at low priority, takes one slice at a time, and then rests: what comes
while it is busy or rests is dropped and counted, never queued, so the primary does not wait for it
and keeps its processor.
"""

import logging
import os
import queue
import threading
import time

from contract.arrays import Familiarities, Images, Probabilities
from serving.counts.sheet import Recorder
from serving.models.model import Model

_log = logging.getLogger("serving")

_NICENESS = 10  # low, yet never so low that a busy machine starves it while it holds the GIL
_PART = 0.01  # of one processor's time may go into comparing
_ROLE = "challenger"
_OUTCOMES = ("agreed", "disagreed", "dropped", "failed")


class Shadow:
    """A batcher's observer for the primary."""

    def __init__(self, recorder: Recorder, *, share: float) -> None:
        self._share = share
        self._due = 0.0  # slices; one is taken whenever a whole one is due
        self._waiting: queue.Queue[tuple[Model, Images, Probabilities]] = queue.Queue(maxsize=1)
        self._counts = {
            name: recorder.counter("shadow_images_total", _ROLE, name) for name in _OUTCOMES
        }
        self.challenger: Model | None = None  # whose counts these are
        self._counting = threading.Lock()
        self._rests_until_s = 0.0
        threading.Thread(target=self._work, name="shadow", daemon=True).start()

    def follow(self, challenger: Model) -> None:
        """Compare with this one, from zero: what another did says nothing of it."""
        with self._counting:
            self.challenger = challenger
            self._rests_until_s = 0.0
            for counter in self._counts.values():
                counter.set(0)

    def __call__(
        self, images: Images, probabilities: Probabilities, _: Familiarities | None = None
    ) -> None:
        challenger = self.challenger
        if challenger is None:
            return
        self._due += self._share
        if self._due < 1:
            return
        self._due -= 1
        if not self._takes(challenger, images, probabilities):
            self._count(challenger, dropped=len(images))

    def _takes(self, challenger: Model, images: Images, probabilities: Probabilities) -> bool:
        if time.perf_counter() < self._rests_until_s:
            return False
        try:
            self._waiting.put_nowait((challenger, images, probabilities))
        except queue.Full:
            return False
        return True

    def _work(self) -> None:
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while True:
            challenger, images, probabilities = self._waiting.get()
            start_s = time.thread_time()  # of this thread: what others take is not comparing
            self._compare(challenger, images, probabilities)
            spent_s = time.thread_time() - start_s
            with self._counting:
                if challenger is self.challenger:
                    self._rests_until_s = time.perf_counter() + spent_s / _PART

    def _compare(self, challenger: Model, images: Images, primary: Probabilities) -> None:
        try:
            answers = challenger(images)
        except Exception:  # noqa: BLE001 -- onnxruntime's own classes are not public
            _log.exception("the challenger failed on images that the primary answered")
            self._count(challenger, failed=len(images))
            return
        agreed = int((answers.argmax(axis=1) == primary.argmax(axis=1)).sum())
        self._count(challenger, agreed=agreed, disagreed=len(images) - agreed)

    def _count(self, challenger: Model, **images: int) -> None:
        """Count the outcomes, unless another challenger is counted by now."""
        with self._counting:
            if challenger is self.challenger:
                for outcome, number in images.items():
                    self._counts[outcome].add(number)
