"""convnet repro: `dvc repro` in this environment, then what is to be known about its results.

DVC runs in this process, so `kill -9` reaches it as if it had been called itself. SIGTERM and
SIGUSR1 stop the stage that runs, and end in exit status 75: the same command goes on.
"""

import sys
from collections.abc import Sequence

from dvc.cli import main as dvc

from convnet import preemption
from pipeline.data import notice
from pipeline.lifecycle import difference


def main(arguments: Sequence[str]) -> int:
    """Pass all arguments to `dvc repro`; returns its exit status, or 75 after such a signal."""
    before = difference.differing()
    status = reproduce(arguments)
    if status == 0:
        notice.main([])
        if line := difference.line(before):
            sys.stderr.write(f"{line}\n")
    return status


def reproduce(arguments: Sequence[str]) -> int:
    """Do what `main` does, without its words about the results."""
    with preemption.passed_on() as signals:
        status = int(dvc(["repro", *arguments]))
    if status and (signals.received or preemption.was_job_ended()):
        return preemption.leave(signals)
    return status
