"""A real tracking store and small data sets, made in temporary folders."""

import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline import tracking


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed git repository with the project's params.yaml, as the current folder."""
    root = tmp_path / "repository"
    root.mkdir()
    params = Path(__file__).parents[2] / "params.yaml"
    (root / "params.yaml").write_text(params.read_text())
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Start")
    monkeypatch.chdir(root)
    for variable in ("DVC_ROOT", "DVC_EXP_NAME", "DVC_STAGE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    return root


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tracking database without runs, made once: its migrations take seconds."""
    root = tmp_path_factory.mktemp("empty")
    tracking.open_store(root)
    return root / "mlflow.db"


@pytest.fixture
def store(repository: Path, empty_database: Path) -> tracking.Store:
    """A fresh sqlite store at the root of `repository`."""
    shutil.copy(empty_database, repository)
    return tracking.open_store(repository)
