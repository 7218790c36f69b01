"""Where a run comes from: repository, commit, changed parameters, DVC experiment, process."""

import os
import socket
import subprocess
from pathlib import Path

import psutil
from ruamel.yaml import YAML

from pipeline import config

# DVC rewrites these while a stage runs: they say nothing about the code or the parameters.
WRITTEN_BY_DVC = ("dvc.lock", "metrics/", "plots/", "params.yaml")


def repository_root() -> Path:
    """The checkout that owns the tracking store, also from within `dvc exp run --temp`."""
    if root := os.environ.get("DVC_ROOT"):
        return Path(root)
    return Path(_git("rev-parse", "--show-toplevel") or Path.cwd())


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


def source_tags(params_file: Path) -> dict[str, str]:
    """Git commit, dirty flag with the parameters' difference, DVC stage and experiment."""
    commit = _git("rev-parse", "HEAD")
    difference = _params_difference(params_file)
    tags = {
        "git.commit": commit,
        "git.dirty": str(_code_differs() or bool(difference)).lower(),
        "git.params_diff": difference,
        "mlflow.source.git.commit": commit,
        "mlflow.source.name": "dvc repro",
        "dvc.stage": os.environ.get("DVC_STAGE", ""),
        "dvc.experiment": os.environ.get("DVC_EXP_NAME", ""),
        "dvc.baseline": os.environ.get("DVC_EXP_BASELINE_REV", ""),
    }
    return {key: value for key, value in tags.items() if value}


def _code_differs() -> bool:
    changed = [line[3:] for line in _git("status", "--porcelain", "--no-renames").splitlines()]
    return any(not path.strip('"').startswith(WRITTEN_BY_DVC) for path in changed)


def _params_difference(params_file: Path) -> str:
    """One line per parameter that differs from the commit: `train.epochs: 12 -> 3`."""
    committed = _git("show", f"HEAD:./{params_file.name}")
    yaml = YAML(typ="safe", pure=True)
    before = config.flatten(yaml.load(committed) if committed else {})
    after = config.flatten(yaml.load(params_file))
    return "\n".join(
        f"{key}: {before.get(key)} -> {after.get(key)}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    )


def _git(*arguments: str) -> str:
    """Git's answer, without the final newline; empty outside a repository or without git."""
    try:
        answer = subprocess.run(  # noqa: S603 - fixed words only
            ["git", *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return answer.stdout.removesuffix("\n") if answer.returncode == 0 else ""
