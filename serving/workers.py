"""Processes that share one port, under a supervisor that starts again whichever dies.

The supervisor forks before anything heavy is imported, so it stays small and has no threads.
It holds every worker's listening socket: connections that wait in one survive its worker.
Workers hold the reading end of a pipe whose other end dies with the supervisor: no orphans.
"""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from serving.operations.metrics import LOADED, Recorder, Sheet

_log = logging.getLogger("serving")

_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
_RESTART_S = 1.0  # least time between two starts of one worker

Work = Callable[[socket.socket, Recorder, int], int]  # socket, counts, lifeline → exit status


@dataclass
class Supervisor:
    work: Work
    bound: list[socket.socket]  # one for each worker
    sheet: Sheet
    _running: dict[int, int] = field(default_factory=dict)  # pid → worker
    _due_s: dict[int, float] = field(default_factory=dict)  # worker → when to start it again
    _started_s: dict[int, float] = field(default_factory=dict)
    _stopping: bool = False
    _status: int = 0

    def run(self) -> int:
        """Keep all workers running until SIGTERM or SIGINT; returns the exit status."""
        self._lifeline, self._life = os.pipe()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        for worker in range(len(self.bound)):
            self._start(worker)
        while self._running or (self._due_s and not self._stopping):
            received = signal.sigtimedwait(_SIGNALS, self._patience_s())
            if received is not None and received.si_signo != signal.SIGCHLD:
                self._stop(signal.Signals(received.si_signo))
            self._reap()
            self._start_due()
        return self._status

    def _start(self, worker: int) -> None:
        self._due_s.pop(worker, None)
        self._started_s[worker] = time.monotonic()
        pid = os.fork()
        if pid:
            self._running[pid] = worker
            return
        status = 1
        try:
            os.close(self._life)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            own = self.bound.pop(worker)
            self._close_sockets()
            status = self.work(own, Recorder(self.sheet, worker), self._lifeline)
        finally:
            os._exit(status)

    def _patience_s(self) -> float:
        """Seconds until a worker is due; else long, for a signal will come."""
        due_s = min(self._due_s.values(), default=time.monotonic() + 3600)
        return max(0.0, due_s - time.monotonic())

    def _stop(self, reason: signal.Signals) -> None:
        self._stopping = True
        self._close_sockets()  # the workers close theirs when they have drained them
        self._due_s.clear()
        for pid in self._running:
            os.kill(pid, reason)

    def _close_sockets(self) -> None:
        for bound in self.bound:
            bound.close()

    def _reap(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._bury(self._running.pop(pid), os.waitstatus_to_exitcode(status))

    def _bury(self, worker: int, status: int) -> None:
        """Settle what a dead worker leaves: its gauges, and who takes its place."""
        recorder = Recorder(self.sheet, worker)
        recorder.clear_gauges()
        if self._stopping:
            self._status = self._status or max(status, 0)
        elif worker == 0 and status > 0 and not recorder.counter(*LOADED).value:
            self._status = status  # its very first start failed: no use in trying again
            self._stop(signal.SIGKILL)
        else:
            if Recorder(self.sheet, 0).counter(*LOADED).value:
                _log.warning("worker %d ended with status %d: starting it again", worker, status)
            self._due_s[worker] = max(time.monotonic(), self._started_s[worker] + _RESTART_S)

    def _start_due(self) -> None:
        for worker, due_s in list(self._due_s.items()):
            if due_s <= time.monotonic():
                self._start(worker)
