"""A worker's sign of life: it goes on while the loop turns and every run returns.

The supervisor replaces a worker without it. A server of one process has none: there liveness
turns 503, so that whoever started it does.
"""

import asyncio
import logging
import os
import time

from serving.counts.families import GIVEN_UP
from serving.counts.processes import PID
from serving.counts.sheet import Recorder
from serving.models.lineup import Lineup
from serving.operations.health import Health

_log = logging.getLogger("serving")

_BEAT_S = 0.25


class Heartbeat:
    """`after_s`: how long a run may last that is not returning; 0: for ever."""

    def __init__(
        self, lineup: Lineup, health: Health, recorder: Recorder, *, after_s: float
    ) -> None:
        self._lineup = lineup
        self._health = health
        self._after_s = after_s
        self._alive_s = recorder.counter("worker_alive_s")
        self._loop = asyncio.get_running_loop()
        recorder.counter(PID).set(os.getpid())
        self._beat()

    def _beat(self) -> None:
        hangs = bool(self._after_s) and any(
            served.batcher.hangs(after_s=self._after_s) for served in self._lineup
        )
        if hangs and not self._health.hangs:
            _log.error("a run of the model has not returned for %g s", self._after_s)
        self._health.hangs = hangs
        self._alive_s.set(GIVEN_UP if hangs else time.monotonic())
        self._loop.call_later(_BEAT_S, self._beat)
