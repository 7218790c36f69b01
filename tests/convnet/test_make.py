"""make: what a target is given is checked before anything is installed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.convnet.run import ROOT


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder with the Makefile and what setup depends on; no environment."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run make as a user does, also where `make test` runs this test."""
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    return subprocess.run(
        ["make", *arguments], cwd=cwd, env=own, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lineage"], "say which: make lineage SHA=0123456789ab"),
        (["serve", "PORT=80a"], "PORT is '80a': give a whole number"),
        (["serve", "PORT=it's"], "PORT is 'it's': give a whole number"),
        (["sweep", "TRIALS=-3"], "TRIALS is '-3': give a whole number"),
        (["sweep", "WORKERS=2.5"], "WORKERS is '2.5': give a whole number"),
        (["feedback", "INBOX=nowhere"], "no folder 'nowhere'"),
        (["setup", "PYTHON=false"], ""),
    ],
)
def test_a_wrong_argument_ends_before_the_installation(
    arguments: list[str], said: str, bare: Path
) -> None:
    """One line says what to give; no environment is begun."""
    done = make(*arguments, cwd=bare)
    assert done.returncode == 2
    assert said in done.stderr
    assert "installing" not in done.stdout
    assert not (bare / ".venv").exists()


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["promote", "FORCE=0", "DRY_RUN=1"], "convnet promote --dry-run"),
        (["promote", "FORCE=1"], "convnet promote --force"),
        (["lineage", "SHA=0123456789ab"], "convnet lineage 0123456789ab"),
        (["sweep", "TRIALS=5", "APPLY=no"], "convnet sweep --trials 5"),
        (["serve"], "convnet serve --model models/model.onnx --port 8000"),
    ],
)
def test_a_target_calls_the_console_command(arguments: list[str], command: str, bare: Path) -> None:
    """With the words that the variables stand for; 0 and no are off."""
    done = make("--dry-run", *arguments, cwd=bare)
    assert done.returncode == 0, done.stderr
    last = done.stdout.strip().splitlines()[-1]
    assert last.split() == f".venv/bin/{command}".split()


def test_make_alone_lists_every_target(bare: Path) -> None:
    """Each with a word of help; nothing is installed."""
    done = make(cwd=bare)
    assert done.returncode == 0
    phony = (ROOT / "Makefile").read_text().partition(".PHONY:")[2].partition("\n\n")[0]
    listed = [line.split()[0] for line in done.stdout.splitlines()]
    assert sorted(listed) == sorted(phony.replace("\\\n", " ").split())
