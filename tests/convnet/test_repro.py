"""convnet repro: signals reach the stage, DVC waits for its end, and the exit status says go on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from convnet import preemption
from tests.convnet.run import ROOT
from tests.end_to_end.project import wait_for

STAGE = """
import pathlib, signal, sys, time
def stop(number, frame):
    time.sleep(0.5)
    pathlib.Path("stopped").write_text(signal.Signals(number).name)
    sys.exit(int(pathlib.Path("status").read_text()))
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
    signal.signal(number, stop)
pathlib.Path("out").touch()
pathlib.Path("running").touch()
while True:
    time.sleep(0.05)
"""
FORMS = ["python stage.py", "echo begun; python stage.py; exit $?"]  # the second keeps its shell


@contextmanager
def reproducing(folder: Path, command: str, status: int) -> Iterator[subprocess.Popen[str]]:
    """Start `convnet repro` on two stages, and wait until the first runs."""
    (folder / "dvc.yaml").write_text(
        f"stages:\n  first:\n    cmd: '{command}'\n    outs: [out]\n"
        "  second:\n    cmd: touch last; sleep 60\n    deps: [out]\n    outs: [last]\n"
    )
    (folder / "stage.py").write_text(STAGE)
    (folder / "status").write_text(str(status))
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    environment = {
        "PATH": os.defpath, "PYTHONPATH": str(ROOT), "HOME": str(folder), "LC_ALL": "C.UTF-8",
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "convnet", "repro"], cwd=folder, env=environment, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        wait_for((folder / "running").exists)
        yield process


@pytest.mark.parametrize(
    ("number", "command"), [(signal.SIGUSR1, FORMS[0]), (signal.SIGTERM, FORMS[1])]
)
def test_the_stage_gets_the_signal_and_dvc_waits(
    number: signal.Signals, command: str, tmp_path: Path
) -> None:
    """The stage ends in its own time; then 75, and one line that says to go on."""
    with reproducing(tmp_path, command, status=75) as process:
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 75
    assert (tmp_path / "stopped").read_text() == number.name
    assert said.splitlines()[-1] == (
        f"preempted ({number.name}): the same command goes on where this one stopped"
    )


def test_an_interrupt_of_this_process_alone_reaches_the_stage(tmp_path: Path) -> None:
    """As `kill -INT` sends it, unlike a terminal: DVC ignores it while a stage runs."""
    with reproducing(tmp_path, FORMS[0], status=1) as process:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (tmp_path / "stopped").read_text() == "SIGINT"
    assert said.splitlines()[-1].startswith("interrupted: the same command goes on")


def test_no_stage_begins_after_a_signal(tmp_path: Path) -> None:
    """Where the first one still ends well, the next is stopped at once."""
    with reproducing(tmp_path, FORMS[0], status=0) as process:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 75
    assert "second" not in (tmp_path / "dvc.lock").read_text()


def test_between_stages_the_signal_interrupts_dvc() -> None:
    """DVC ends of it as of Ctrl-C; afterwards the signal does again what it did before."""
    before = signal.getsignal(signal.SIGUSR1)
    with preemption.passed_on() as signals, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGUSR1)
    assert list(signals.received) == [signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) == before
