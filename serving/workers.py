"""Processes that share one port, under a supervisor that starts again whichever dies.

The supervisor forks before anything heavy is imported, so it stays small and has no threads.
It holds every worker's listening socket: connections that wait in one survive its worker.
Workers know its process and end with it: no orphans.
"""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from serving.counts.families import GIVEN_UP, LOADED
from serving.counts.sheet import Recorder, Sheet

_log = logging.getLogger("serving")

_LOOKS = 0.25  # of the time after which a worker is replaced lies between two looks
_RESTART_S = 1.0  # least time between two starts of one worker

Work = Callable[[socket.socket, Recorder, int], int]  # socket, counts, supervisor → exit status


@dataclass
class Supervisor:
    work: Work
    bound: list[socket.socket]  # one for each worker
    sheet: Sheet
    after_s: float  # without a sign of life before a worker is replaced; 0: never
    _running: dict[int, int] = field(default_factory=dict)  # pid → worker
    _due_s: dict[int, float] = field(default_factory=dict)  # worker → when to start it again
    _started_s: dict[int, float] = field(default_factory=dict)
    _stopping: bool = False
    _status: int = 0
    _hung: set[int] = field(default_factory=set)  # pids that were ended for it
    _looked_s: float = 0.0

    def run(self) -> int:
        """Keep all workers running until SIGTERM, SIGINT or SIGHUP; returns the exit status."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _signals())
        for worker in range(len(self.bound)):
            self._start(worker)
        while self._running or (self._due_s and not self._stopping):
            received = signal.sigtimedwait(_signals(), self._patience_s())
            if received is not None and received.si_signo != signal.SIGCHLD:
                self._stop(signal.Signals(received.si_signo))
            self._reap()
            self._look_for_life()
            self._start_due()
        return self._status

    def _start(self, worker: int) -> None:
        self._due_s.pop(worker, None)
        self._started_s[worker] = time.monotonic()
        supervisor = os.getpid()
        pid = os.fork()
        if pid:
            self._running[pid] = worker
            return
        status = 1
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _signals())
            own = self.bound.pop(worker)
            self._close_sockets()
            status = self.work(own, Recorder(self.sheet, worker), supervisor)
        finally:
            os._exit(status)

    def _patience_s(self) -> float:
        """Seconds until a worker is due, or signs of life are; else long: a signal will come."""
        now_s = time.monotonic()
        due_s = min(self._due_s.values(), default=now_s + 3600)
        look_s = now_s + self.after_s * _LOOKS if self.after_s else due_s
        return max(0.0, min(due_s, look_s) - now_s)

    def _look_for_life(self) -> None:
        """End workers that hang; SIGKILL, for a stopped one hears nothing else."""
        now_s, before_s = time.monotonic(), self._looked_s
        self._looked_s = now_s
        if not self.after_s or now_s - before_s > self.after_s:
            return  # this process itself was stopped: give the others time to go on, too
        for pid, worker in self._running.items():
            alive_s = Recorder(self.sheet, worker).counter("worker_alive_s").value
            if pid in self._hung or not alive_s:
                continue  # ended already, or not begun yet
            if alive_s == GIVEN_UP or now_s - alive_s > self.after_s:
                _log.error("worker %d gives no sign of life: it is replaced", worker)
                self._hung.add(pid)
                os.kill(pid, signal.SIGKILL)

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
            worker = self._running.pop(pid)
            reason = "hung" if pid in self._hung else "ended"
            self._hung.discard(pid)
            self._bury(worker, os.waitstatus_to_exitcode(status), reason)

    def _bury(self, worker: int, status: int, reason: str) -> None:
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
            recorder.counter("worker_restarts_total", reason).add()
            self._due_s[worker] = max(time.monotonic(), self._started_s[worker] + _RESTART_S)

    def _start_due(self) -> None:
        for worker, due_s in list(self._due_s.items()):
            if due_s <= time.monotonic():
                self._start(worker)


def _signals() -> set[signal.Signals]:
    """Those that the supervisor waits for; nohup's wish to ignore SIGHUP is kept."""
    ending = {signal.SIGTERM, signal.SIGINT}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        ending.add(signal.SIGHUP)
    return {signal.SIGCHLD, *ending}
