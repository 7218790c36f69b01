"""A process that nobody waits for any more ends, or does what it was asked to do then."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.processes import is_alive

ROOT = Path(__file__).parents[2]
CHILD = """
import os, sys, time
from contract import lifeline
parent = int(sys.argv[1])
{watch}
print(os.getpid(), flush=True)
time.sleep(60)
"""
PARENT = """
import os, subprocess, sys
subprocess.run([sys.executable, '-c', sys.argv[1], str(os.getpid())], stdout=sys.stdout)
"""
DIES = "lifeline.when_gone(lambda: lifeline.is_child_of(parent))"
SAYS = (
    "lifeline.when_gone(lambda: lifeline.is_child_of(parent), lambda: print('alone', flush=True))"
)


def start(watch: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PARENT, CHILD.format(watch=watch)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_child_dies_with_its_parent(how: signal.Signals) -> None:
    """However the parent ended."""
    with start(DIES) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.ppid() == parent.pid
        os.kill(parent.pid, how)
        parent.wait()
    deadline = time.monotonic() + 20
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(child)


def test_child_does_what_it_was_told() -> None:
    """Once, and it goes on: a server drains."""
    with start(SAYS) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        assert parent.stdout.readline() == "alone\n"
        assert is_alive(child)
        child.kill()
        assert parent.stdout.read() == ""


def test_parent_that_was_gone_before_is_noticed() -> None:
    """A child that starts late finds another parent from the beginning."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD.format(watch=DIES), str(2**22 + 1)],
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
    ) as child:
        assert child.wait(20) == -signal.SIGKILL
