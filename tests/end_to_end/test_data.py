"""Pictures enter by `dvc add`, and a relative mirror is found from every experiment."""

from pathlib import Path

import pytest

from pipeline.data import arrays
from tests.end_to_end import photos
from tests.end_to_end.project import Project

pytestmark = pytest.mark.soak


def hash_of(project: Project) -> str:
    return arrays.load(project.root / "data/prepared").dataset.sha256_of_all


def test_git_keeps_no_picture(pictured: Project) -> None:
    """The folder's README and a small file for each class are in git; a second run does nothing."""
    tracked = pictured.run("git", "ls-files", "data/images").split()
    names = {Path(path).name for path in tracked}
    assert names == {".gitignore", "README.md", *(f"{name}.dvc" for name in photos.CLASSES)}
    assert "Running stage" not in pictured.run("dvc", "repro", "prepare")


def test_experiments_in_other_folders_see_the_pictures(pictured: Project) -> None:
    """With --temp and from the queue all of them are prepared."""
    summary = "folder (published): 88 train, 8 val, 24 test images of 3x32x32, 4 classes"
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
    assert len(list((clone.root / "data/images/cat").iterdir())) == photos.EACH
    clone.run("dvc", "repro", "--force", "--single-item", "prepare")
    assert hash_of(clone) == hash_of(pictured)


@pytest.mark.parametrize(
    "place",
    ["queue", *(pytest.param(place, marks=pytest.mark.soak_all) for place in ("here", "temp"))],
)
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
