"""A checkout of the whole project in a temporary folder: its own git and DVC repository."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WAIT_S = 120
T = TypeVar("T")
QUICK: dict[str, dict[str, object]] = {
    "data": {"dataset": "digits"},
    "train": {"epochs": 2, "threads": 1},
    "evaluate": {"mistakes": 4},
}


@dataclass(frozen=True)
class Project:
    """A checkout, and the commands that a user runs in it."""

    root: Path
    environment: dict[str, str]

    def run(self, *command: str, check: bool = True, **variables: str) -> str:
        """Run to the end; returns what was printed, stdout and stderr in one."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            pytest.fail(f"{command} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def start(self, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=self.root,
            env={**self.environment, **variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def commit(self, message: str) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def set_params(self, changes: dict[str, dict[str, object]]) -> None:
        yaml = YAML()
        params = yaml.load(self.root / "params.yaml")
        for section, values in changes.items():
            params[section].update(values)
        yaml.dump(params, self.root / "params.yaml")

    def json(self, path: str) -> Any:  # noqa: ANN401 - any JSON
        return json.loads((self.root / path).read_text())

    @property
    def store(self) -> MlflowClient:
        return MlflowClient(f"sqlite:///{self.root}/mlflow.db")

    def runs(self, client: MlflowClient | None = None) -> list[Run]:
        """Every run of every experiment, newest first."""
        client = client or self.store
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        return list(client.search_runs(experiments))

    def copy(self, root: Path) -> "Project":
        """The same commit in a new checkout, without its data, cache and runs."""
        self.run("git", "clone", "--quiet", str(self.root), str(root))
        return Project(root, self.environment)

    def stage_process(self, stage: str) -> psutil.Process:
        """Wait for the process of a stage of this checkout."""
        module = f"pipeline.stages.{stage}"

        def running() -> psutil.Process | None:
            for process in psutil.process_iter(["cmdline", "cwd"]):
                command = process.info["cmdline"] or []
                here = process.info["cwd"] == str(self.root)
                if here and module in command and "-m" in command:
                    return process
            return None

        return wait_for(running)


def sha256(project: Project, path: str) -> str:
    return hashlib.sha256((project.root / path).read_bytes()).hexdigest()


def wait_for(condition: Callable[[], T | None]) -> T:
    """Poll until `condition` gives something; fails after WAIT_S seconds."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    pytest.fail(f"{condition.__qualname__} did not come true within {WAIT_S} s")


def kill(process: psutil.Process | subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGKILL)


def checkout(root: Path) -> Project:
    """Copy the files that git tracks or would track into a new repository at `root`."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, root / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    project = Project(root, _environment())
    project.set_params(QUICK)
    project.run("git", "init", "--quiet")
    project.commit("Start")
    return project


def _environment() -> dict[str, str]:
    dropped = ("DVC_", "MLFLOW_", "DATA_MIRROR", "TRAIN_RESUME", "PYTEST", "COV_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Test"), ("EMAIL", "test@example.org"))
    }
    return {**kept, **identity, "PATH": f"{BIN}:{kept['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
