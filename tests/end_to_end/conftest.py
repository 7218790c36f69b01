"""Fresh, pictured and finished checkouts to run commands in."""

from pathlib import Path

import pytest

from tests.end_to_end import photos
from tests.end_to_end.project import Project, checkout


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh checkout that trains two epochs on the embedded digits."""
    return checkout(tmp_path / "checkout")


@pytest.fixture
def pictured(project: Project) -> Project:
    """A checkout whose photos entered as data/images/README.md says.

    The committed dvc.lock tells of MNIST's results, which this cache does not hold; DVC would ask
    for them where an experiment runs a part of the pipeline.
    """
    (project.root / "dvc.lock").unlink(missing_ok=True)
    photos.save(project.root / "data/images")
    project.set_params({"data": {"dataset": "folder"}})
    project.run("dvc", "add", *(f"data/images/{name}" for name in photos.CLASSES))
    project.commit("Add my pictures")
    project.run("dvc", "repro", "prepare")
    project.commit("Prepare them")
    return project


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A checkout in which `dvc repro` has run; tests read it and leave it as it is."""
    project = checkout(tmp_path_factory.mktemp("finished") / "checkout")
    (project.root / "repro.log").write_text(project.run("dvc", "repro"))
    return project
