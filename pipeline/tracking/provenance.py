"""Where a run comes from: project, user, commit, changed parameters, DVC experiment, process."""

import getpass
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
from ruamel.yaml import YAML

from pipeline import config
from pipeline.config import Scalar
from pipeline.tracking import git


def repository_root() -> Path:
    """The project that this folder belongs to: the nearest folder above with DVC's own in it.

    It is the checkout also from within `dvc exp run --temp`, each git worktree by itself, and the
    subfolder where the project lies in a larger repository (`dvc init --subdir`).
    """
    if root := os.environ.get("DVC_ROOT"):
        return Path(root)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / ".dvc" / "config").is_file():
            return folder
    return Path(git.ask("rev-parse", "--show-toplevel").text or here)


def process_tags() -> dict[str, str]:
    """What tells a living training from a dead one: host, pid and the process' start time."""
    process = psutil.Process()
    return {
        "host": socket.gethostname(),
        "pid": str(process.pid),
        "pid.started": str(process.create_time()),
    }


def is_alive(tags: dict[str, str]) -> bool:
    """Whether the process of these `process_tags` may still run; others' hosts always may."""
    if tags.get("host") != socket.gethostname():
        return True
    try:
        process = psutil.Process(int(tags["pid"]))
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - float(tags["pid.started"])) < 1
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return False


def user() -> str:
    """Who trains; a container may have no name for the number."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return str(os.getuid())


def source_tags(params_file: Path) -> dict[str, str]:
    """Who and what made a run: user, branch, commit, what differs from it, stage, experiment.

    Where git refuses to say, that is a line on standard error, and "unknown".
    """
    commit = git.commit()
    if commit.refused:
        sys.stderr.write(
            f"warning: git says nothing of {Path.cwd()}, which another user owns: this run is "
            f"tracked without its commit; `git config --global --add safe.directory {Path.cwd()}`\n"
        )
    tags = {
        **_git_tags(commit, params_file),
        "mlflow.user": user(),
        "mlflow.source.name": "dvc repro",
        "mlflow.source.type": "LOCAL",
        "dvc.stage": os.environ.get("DVC_STAGE", ""),
        "dvc.experiment": os.environ.get("DVC_EXP_NAME", ""),
        "dvc.baseline": os.environ.get("DVC_EXP_BASELINE_REV", ""),
    }
    return {key: value for key, value in tags.items() if value}


def _git_tags(commit: git.Answer, params_file: Path) -> dict[str, str]:
    if commit.refused:
        return {"git.dirty": "unknown"}
    if commit.text is None:
        return {}
    difference = params_difference(params_file)
    return {
        "git.commit": commit.text,
        "git.dirty": str(git.code_differs() or bool(difference)).lower(),
        "git.params_diff": difference,
        "mlflow.source.git.commit": commit.text,
        "mlflow.source.git.branch": git.branch() or "",
    }


def changed_since_recorded(params: Mapping[str, Scalar]) -> list[str]:
    """`learning_rate 0.01` for each that differs from the training in the committed dvc.lock.

    None where there is no such file: a first training has no neighbour. Another data set is
    another experiment.
    """
    text = git.committed(Path("dvc.lock"))
    stages = YAML(typ="safe", pure=True).load(text)["stages"] if text else {}
    recorded: dict[str, Scalar] = {}
    for name in ("prepare", "train"):
        given = stages.get(name, {}).get("params", {}).get("params.yaml", {})
        recorded |= config.flatten(given)
    return [
        f"{key.partition('.')[2]} {value}"
        for key, value in params.items()
        if key in recorded and recorded[key] != value and key != "data.dataset"
    ]


def params_difference(params_file: Path) -> str:
    """One line per parameter that differs from the commit: `train.epochs: 12 -> 3`."""
    text = git.committed(params_file)
    yaml = YAML(typ="safe", pure=True)
    before = config.flatten(yaml.load(text) if text else {})
    after = config.flatten(yaml.load(params_file))
    return "\n".join(
        f"{key}: {before.get(key)} -> {after.get(key)}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    )
