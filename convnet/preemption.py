"""Signals that ask a job to end: they go to the stage that runs, and DVC waits for it.

DVC dies of SIGTERM and SIGUSR1, and its stage with it. Here both are handled in DVC's own process,
so that a training stops where it can go on (docs/how-to/cluster.md).
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from pipeline.command import SHELLS

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
PREEMPTED = 75  # EX_TEMPFAIL of sysexits.h: the same command goes on
POLL_S = 0.1
STAGE = "DVC_STAGE"  # DVC sets it for the commands of stages, not for processes of its own


class Preemption:
    """The signals that came, each passed on once to every stage that runs from then on."""

    def __init__(self) -> None:
        self.received: list[signal.Signals] = []
        self._over = threading.Event()
        self._reached: set[tuple[int, signal.Signals]] = set()
        self._thread = threading.Thread(target=self._pass_on, daemon=True)

    def receive(self, number: int, _: object) -> None:
        """Be a signal handler; raises KeyboardInterrupt where no stage runs: DVC ends of it."""
        self.received.append(signal.Signals(number))
        if not self._thread.is_alive():
            self._thread.start()
        if not stages():
            raise KeyboardInterrupt

    def end(self) -> None:
        self._over.set()

    def _pass_on(self) -> None:
        while not self._over.wait(POLL_S):
            for process in stages():
                for number in self.received:
                    if (process.pid, number) not in self._reached:
                        self._reached.add((process.pid, number))
                        with suppress(psutil.NoSuchProcess):
                            process.send_signal(number)


@contextmanager
def passed_on() -> Iterator[Preemption]:
    """Inside, SIGTERM and SIGUSR1 are for the stages below this process."""
    preemption = Preemption()
    before = {number: signal.signal(number, preemption.receive) for number in SIGNALS}
    try:
        yield preemption
    finally:
        preemption.end()
        for number, handler in before.items():
            signal.signal(number, handler)


def stages() -> list[psutil.Process]:
    """Return the processes that stages consist of: not their shells, nor what they start."""
    return [found for child in psutil.Process().children() for found in _outermost(child)]


def _outermost(process: psutil.Process) -> list[psutil.Process]:
    try:
        if STAGE not in process.environ():
            return []
        if process.name() not in SHELLS:
            return [process]
        children = process.children()
    except psutil.Error:  # it has ended
        return []
    return [found for child in children for found in _outermost(child)] or [process]


def leave(preemption: Preemption) -> int:
    """Say in a line that the work goes on, ask SLURM to start it again; return the exit status.

    SIGUSR1 is what a job file asks for before its time is over. SIGTERM asks for nothing: SLURM
    itself starts again whom it preempts, and a job that somebody cancelled must stay so.
    """
    names = ", ".join(dict.fromkeys(number.name for number in preemption.received))
    job = os.environ.get("SLURM_JOB_ID")
    asked = job is not None and signal.SIGUSR1 in preemption.received
    sys.stderr.write(f"preempted ({names}): the same command goes on where this one stopped\n")
    sys.stderr.flush()
    if job is not None and asked:
        _requeue(job)
    return PREEMPTED


def _requeue(job: str) -> None:
    command = ["scontrol", "requeue", job]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        said = str(error)
    else:
        said = "" if done.returncode == 0 else done.stderr.strip()
    result = f"not put back into the queue ({said}): submit it again" if said else "queued again"
    sys.stderr.write(f"job {job} is {result}\n")
