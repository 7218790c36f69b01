"""Folders of pictures as other tools write them, through DVC: layouts, links, a kill, leaks."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data import arrays
from tests.end_to_end.project import Project, kill, wait_for

pytestmark = pytest.mark.soak

MANY = 6000  # files: some seconds of work for two processes


def fill(root: Path, *folders: str, count: int = 12, side: int = 24) -> None:
    """Noise of a colour for each class, different in every file."""
    for number, folder in enumerate(folders):
        (root / folder).mkdir(parents=True, exist_ok=True)
        dice = np.random.default_rng(number)
        base = dice.integers(40, 200, 3)
        for at in range(count):
            pixels = base + dice.integers(-40, 40, (side, side + 4, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(root / folder / f"{at:05}.jpg")


@pytest.fixture
def own(project: Project) -> Project:
    """A checkout that asks for the user's pictures, of which there are none yet."""
    (project.root / "dvc.lock").unlink(missing_ok=True)
    project.set_params({"data": {"dataset": "folder", "folder_size": 16}})
    return project


def split_folders(root: Path) -> None:
    fill(root, *(f"{split}/{name}" for split in ("Train", "valid") for name in ("a", "b")))


def wrapped(root: Path) -> None:
    fill(root, "photos/cats/may", "photos/cats/june", "photos/dogs", "__MACOSX/cats")


def any_script(root: Path) -> None:
    fill(root, "кошка", "猫", "train")


def table(root: Path) -> None:
    fill(root, "raw/1", "raw/2")
    files = sorted(root.glob("raw/*/*.jpg"))
    rows = [
        f"{path.relative_to(root)},{'even' if at % 2 else 'odd'},street {at // 3}"
        for at, path in enumerate(files)
    ]
    (root / "manifest.csv").write_text("\n".join(["path,label,group", *rows]))


@pytest.mark.parametrize(
    ("lay", "classes", "images"),
    [
        pytest.param(split_folders, ("a", "b"), 48, marks=pytest.mark.soak_all),
        pytest.param(wrapped, ("cats", "dogs"), 36, marks=pytest.mark.soak_all),
        (any_script, ("train", "кошка", "猫"), 36),
        (table, ("even", "odd"), 24),
    ],
)
def test_layouts_of_other_tools(
    lay: Callable[[Path], None], classes: tuple[str, ...], images: int, own: Project
) -> None:
    """One repro prepares them; the next has nothing to do."""
    lay(own.root / "data/images")
    own.run("dvc", "repro", "prepare")
    prepared = arrays.load(own.root / "data/prepared", thorough=True)
    assert prepared.dataset.classes == classes
    assert sum(len(split) for _, split in prepared.splits()) == images
    assert "Data and pipelines are up to date" in own.run("dvc", "repro", "prepare")


@pytest.mark.parametrize("kind", ["symlink", pytest.param("hardlink", marks=pytest.mark.soak_all)])
def test_linked_caches_are_left_as_they_are(kind: str, own: Project) -> None:
    """With links, outs and pictures are the cache's read-only files: nothing may write in them."""
    own.run("dvc", "config", "cache.type", kind)
    fill(own.root / "data/images", "a", "b")
    own.run("dvc", "add", "data/images/a", "data/images/b")
    own.run("dvc", "repro", "prepare")
    first = arrays.load(own.root / "data/prepared").dataset.sha256
    path = own.root / "data/prepared/train_images.npy"
    assert path.is_symlink() if kind == "symlink" else path.stat().st_nlink > 1
    own.set_params({"data": {"folder_size": 20}})
    own.run("dvc", "repro", "prepare")
    assert arrays.load(own.root / "data/prepared").dataset.image_shape == (3, 20, 20)
    own.set_params({"data": {"folder_size": 16}})
    own.run("dvc", "repro", "prepare")
    assert arrays.load(own.root / "data/prepared", thorough=True).dataset.sha256 == first
    own.run("dvc", "status", "prepare")


def test_a_killed_prepare_goes_on(own: Project) -> None:
    """Kill -9 of the stage in the middle: its processes end too, and the rerun decodes the rest.

    The bytes are those of a prepare that was never killed.
    """
    fill(own.root / "data/images", "a", "b", count=MANY // 2, side=96)
    own.run("dvc", "repro", "fetch")
    under_way = own.start("dvc", "repro", "prepare")
    stage = own.stage_process("prepare")
    journal = wait_for(lambda: next((own.root / "data").glob(".prepare/*/done.jsonl"), None))
    wait_for(lambda: journal.read_bytes().count(b"\n") >= 20)
    children = stage.children()
    kill(stage)
    under_way.wait()
    assert len(children) >= 1
    for child in children:
        child.wait(timeout=20)
    done = journal.read_bytes().count(b"\n")
    assert not (own.root / "data/prepared").exists()
    output = own.run("dvc", "repro", "prepare")
    assert f"goes on after {64 * done:,} of {MANY:,}" in output
    assert not (own.root / "data/.prepare").exists()
    resumed = arrays.load(own.root / "data/prepared", thorough=True).dataset
    shutil.rmtree(own.root / "data/prepared")
    output = own.run("dvc", "repro", "--force", "--single-item", "prepare")
    assert "goes on" not in output
    assert arrays.load_dataset(own.root / "data/prepared") == resumed


def test_a_leak_ends_the_repro_in_a_sentence(own: Project) -> None:
    """Nothing is prepared until the copy is gone, or allowed."""
    root = own.root / "data/images"
    fill(root, *(f"{split}/{name}" for split in ("train", "test") for name in ("a", "b")))
    shutil.copy(root / "train/a/00000.jpg", root / "test/b/copy.jpg")
    output = own.run("dvc", "repro", "prepare", check=False)
    assert "train/a/00000.jpg = test/b/copy.jpg" in output
    assert not (own.root / "data/prepared").exists()
    own.set_params({"data": {"allow_leak": True}})
    own.run("dvc", "repro", "prepare")
    audit = own.json("plots/prepare/audit.json")
    assert (audit["equal"]["across_splits"], audit["equal"]["across_classes"]) == (1, 1)
