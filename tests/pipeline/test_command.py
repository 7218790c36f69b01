"""A stage dies with its parent, and a mendable error is one line."""

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

LONG_STAGE = """
import os, sys, time
from pipeline import command
command.die_with_parent()
print(os.getpid(), flush=True)
time.sleep(60)
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen([{starter}], stdout=sys.stdout)
child.wait()
"""
DIRECT = "sys.executable, '-c', sys.argv[1]"
SHELL = "'sh', '-c', '\"$0\" -c \"$1\"; true', sys.executable, sys.argv[1]"


@pytest.mark.parametrize("starter", [DIRECT, SHELL], ids=["direct", "through-a-shell"])
def test_stage_dies_with_its_parent(starter: str) -> None:
    """`kill -9` of dvc leaves nothing writing, also where a shell stands between."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT.format(starter=starter), LONG_STAGE],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        stage = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 20
    while is_alive(stage) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(stage)


def test_mendable_error_is_one_line(tmp_path: Path) -> None:
    """No traceback for what the user can mend: a sentence and exit status 1."""
    (tmp_path / "params.yaml").write_text("train: 3\n")
    code = "from pipeline import command; command.run(command.enter)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "error: params.yaml: train is 3: Expected `object`, got `int`\n"


def test_defect_keeps_its_traceback() -> None:
    """What the user cannot mend is not dressed up as one line."""
    code = "from pipeline import command\ndef main(): 1 / 0\ncommand.run(main)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" in done.stderr


FAULTS = {
    "a full disk": (
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))",
        "error: 'out': File too large",
    ),
    "another user's folder": ("os.setuid(65534)", "Permission denied"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_file_that_cannot_be_written_is_one_line(name: str, tmp_path: Path) -> None:
    """What was there before is whole, nothing is left beside it, and the line says what to do."""
    before, words = FAULTS[name]
    if "setuid" in before and os.getuid() != 0:
        pytest.skip("becoming another user needs root")
    (tmp_path / "out").write_text("as before")
    tmp_path.chmod(0o755)
    code = (
        "import os, resource\nfrom pathlib import Path\nfrom contract import files\n"
        f"from pipeline import command\n{before}\n"
        "command.run(lambda: files.write_bytes(Path('out'), b'0' * 5000))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert words in done.stderr
    assert "out" in done.stderr
    assert done.stderr.endswith(", then run the same command again\n")
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_text() == "as before"
