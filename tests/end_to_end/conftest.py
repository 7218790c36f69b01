"""Fresh and finished checkouts to run commands in."""

from pathlib import Path

import pytest

from tests.end_to_end.project import Project, checkout


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh checkout that trains two epochs on the embedded digits."""
    return checkout(tmp_path / "checkout")


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A checkout in which `dvc repro` has run; tests read it and leave it as it is."""
    project = checkout(tmp_path_factory.mktemp("finished") / "checkout")
    (project.root / "repro.log").write_text(project.run("dvc", "repro"))
    return project
