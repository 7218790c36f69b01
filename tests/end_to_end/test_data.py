"""Pictures enter by `dvc add`, and a relative mirror is found from every experiment."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data import arrays
from tests.end_to_end.project import Project

pytestmark = pytest.mark.soak

CLASSES = ("cats", "dogs")


def add_pictures(root: Path) -> None:
    generator = np.random.default_rng(0)
    for brightness, name in enumerate(CLASSES, start=1):
        (root / "data/images" / name).mkdir(parents=True)
        for number in range(12):
            pixels = generator.integers(0, 256, (40, 50, 3), dtype=np.uint8) // brightness
            Image.fromarray(pixels).save(root / f"data/images/{name}/{number}.png")


def hash_of(project: Project) -> str:
    return arrays.load(project.root / "data/prepared").dataset.sha256_of_all


@pytest.fixture
def pictured(project: Project) -> Project:
    """A checkout whose pictures entered as data/images/README.md says.

    The committed dvc.lock tells of MNIST's results, which this cache does not hold; DVC would ask
    for them where an experiment runs a part of the pipeline.
    """
    (project.root / "dvc.lock").unlink(missing_ok=True)
    add_pictures(project.root)
    project.set_params({"data": {"dataset": "folder"}})
    project.run("dvc", "add", *(f"data/images/{name}" for name in CLASSES))
    project.commit("Add my pictures")
    project.run("dvc", "repro", "prepare")
    project.commit("Prepare them")
    return project


def test_git_keeps_no_picture(pictured: Project) -> None:
    """The folder's README and two small files are in git; a second run does nothing."""
    tracked = pictured.run("git", "ls-files", "data/images").split()
    names = {Path(path).name for path in tracked}
    assert names == {".gitignore", "README.md", "cats.dvc", "dogs.dvc"}
    assert "Running stage" not in pictured.run("dvc", "repro", "prepare")


def test_experiments_in_other_folders_see_the_pictures(pictured: Project) -> None:
    """With --temp and from the queue all of them are prepared."""
    summary = "folder (published): 18 train, 2 val, 4 test images of 3x32x32, 2 classes"
    aside = pictured.run("dvc", "exp", "run", "--temp", "-S", "data.seed=1", "prepare")
    assert summary in aside
    pictured.run("dvc", "exp", "run", "--queue", "-S", "data.seed=2", "prepare")
    assert summary in pictured.run("dvc", "exp", "run", "--run-all")


def test_a_clone_pulls_the_pictures(pictured: Project, tmp_path: Path) -> None:
    """From the remote; what is prepared out of them there is the same."""
    pictured.run("dvc", "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    pictured.commit("Name the remote")
    pictured.run("dvc", "push")
    clone = pictured.copy(tmp_path / "clone")
    clone.run("dvc", "pull", "--with-deps", "prepare")
    assert len(list((clone.root / "data/images/cats").glob("*.png"))) == 12
    clone.run("dvc", "repro", "--force", "--single-item", "prepare")
    assert hash_of(clone) == hash_of(pictured)


@pytest.mark.parametrize("place", ["here", "temp", "queue"])
def test_a_relative_mirror_counts_from_the_repository_root(place: str, project: Project) -> None:
    """The experiment runs in a temporary folder, and still asks the mirror beside the checkout."""
    project.set_params({"data": {"dataset": "mnist", "offline_fallback": None}})
    project.commit("Ask for MNIST")
    every: dict[str, list[tuple[str, ...]]] = {
        "here": [("dvc", "repro", "fetch")],
        "temp": [("dvc", "exp", "run", "--temp", "fetch")],
        "queue": [
            ("dvc", "exp", "run", "--queue", "-n", "q", "fetch"),
            ("dvc", "exp", "run", "--run-all"),
        ],
    }
    closed = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    said = [
        project.run(*command, check=False, DATA_MIRROR="../mirror", **closed)
        for command in every[place]
    ]
    expected = project.root.parent / "mirror/mnist/train-images-idx3-ubyte.gz: no such file"
    assert str(expected) in said[-1]
