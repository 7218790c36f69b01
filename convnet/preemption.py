"""Signals that ask a job to end: they go to the stage that runs, and DVC waits for it.

DVC dies of SIGTERM and SIGUSR1, and its stage with it. SIGINT it ignores while a stage runs: a
terminal's goes to both. Here all three are handled in DVC's own process, so that a training stops
where it can go on (docs/how-to/cluster.md).
"""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import psutil
from dvc.stage import run as dvc_stage

from contract.preemption import PREEMPTED, SIGNALS
from convnet import slurm
from pipeline.command import SHELLS

POLL_S = 0.1
TERMINAL_S = 1.0  # of a SIGINT that the terminal has sent to the stage, too: to end of it
INTERRUPTED = 128 + signal.SIGINT
STAGE = "DVC_STAGE"  # DVC sets it for the commands of stages, not for processes of its own
GOES_ON = "the same command goes on where this one stopped"


class Preemption:
    """The signals that came, each passed on once to every stage that runs from then on."""

    def __init__(self) -> None:
        self.received: dict[signal.Signals, float] = {}  # and when, time.monotonic
        self._over = threading.Event()
        self._reached: set[tuple[int, signal.Signals]] = set()
        self._thread = threading.Thread(target=self._pass_on, daemon=True)

    def receive(self, number: int, _: object) -> None:
        """Be a signal handler; raises KeyboardInterrupt where no stage runs: DVC ends of it."""
        running = stages()  # before they are told: one may end of it at once, and well
        self.received.setdefault(signal.Signals(number), time.monotonic())
        if not self._thread.is_alive():
            self._thread.start()
        if not running:
            raise KeyboardInterrupt

    def end(self) -> None:
        self._over.set()

    def _pass_on(self) -> None:
        while not self._over.wait(POLL_S):
            for process in stages():
                for number in self._due():
                    if (process.pid, number) not in self._reached:
                        self._reached.add((process.pid, number))
                        with suppress(psutil.NoSuchProcess):
                            process.send_signal(number)

    def _due(self) -> list[signal.Signals]:
        now = time.monotonic()
        return [
            number
            for number, came in list(self.received.items())
            if number != signal.SIGINT or now - came > TERMINAL_S
        ]


@contextmanager
def passed_on() -> Iterator[Preemption]:
    """Inside, SIGTERM, SIGUSR1 and SIGINT are for the stages below this process."""
    preemption = Preemption()
    numbers = (*SIGNALS, signal.SIGINT)
    before = {number: signal.signal(number, preemption.receive) for number in numbers}
    try:
        with _not_ignored():
            yield preemption
    finally:
        preemption.end()
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _not_ignored() -> Iterator[None]:
    """Inside, DVC does not set SIGINT to be ignored while a stage runs."""
    own = dvc_stage.signal
    dvc_stage.signal = SimpleNamespace(
        SIGINT=signal.SIGINT, SIG_IGN=signal.SIG_IGN, signal=lambda *_: None
    )
    try:
        yield
    finally:
        dvc_stage.signal = own


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


def was_job_ended() -> bool:
    """Return whether SLURM ends this job, and has told its tasks alone, as it does at first."""
    job = slurm.job()
    return job is not None and slurm.is_ending(job)


def leave(preemption: Preemption) -> int:
    """Say in a line that the work goes on, ask SLURM to start it again; return the exit status.

    SIGUSR1 is what a job file asks for before its time is over. After SIGTERM the job's own record
    decides: one that somebody cancelled stays so.
    """
    if set(preemption.received) == {signal.SIGINT}:
        sys.stderr.write(f"interrupted: {GOES_ON}\n")
        return INTERRUPTED
    names = ", ".join(number.name for number in preemption.received) or "by SLURM"
    sys.stderr.write(f"preempted ({names}): {GOES_ON}\n")
    job = slurm.job()
    if job is not None and (signal.SIGUSR1 in preemption.received or slurm.is_ending(job)):
        sys.stderr.write(f"{slurm.requeue(job)}\n")
    sys.stderr.flush()
    return PREEMPTED
