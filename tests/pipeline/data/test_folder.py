"""The layouts of data/images that are taken, and what is said about the others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.data.folder import FolderError, scan

Fill = Callable[..., Path]


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Make files of these names below a folder, and return it."""

    def make(*files: str) -> Path:
        for name in files:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return make


def many(*folders: str, count: int = 3) -> list[str]:
    return [f"{folder}/{number}.png" for folder in folders for number in range(count)]


def refuse(root: Path) -> str:
    with pytest.raises(FolderError) as caught:
        scan(root)
    return str(caught.value)


def test_a_folder_per_class(fill: Fill) -> None:
    """What git, DVC and desktops leave there is no picture and no class."""
    litter = (
        "README.md",
        ".gitignore",
        "cats.dvc",
        ".DS_Store",
        "cats/.gitignore",
        "cats/Thumbs.db",
    )
    root = fill(*many("dogs", "cats"), *litter)
    splits = scan(root)
    assert list(splits) == ["train"]
    assert list(splits["train"]) == ["cats", "dogs"]
    assert splits["train"]["cats"] == [root / f"cats/{number}.png" for number in range(3)]


@pytest.mark.parametrize("given", [("train", "test"), ("train", "val", "test")])
def test_given_splits(given: tuple[str, ...], fill: Fill) -> None:
    """Train and test go together, val may stand beside."""
    root = fill(*many(*(f"{split}/{name}" for split in given for name in ("cats", "dogs"))))
    assert list(scan(root)) == list(given)


def test_an_empty_folder_says_where_to_read(fill: Fill) -> None:
    """The README stands beside."""
    assert "holds 0 class folder(s)" in refuse(fill("README.md"))
    assert "data/images/README.md" in refuse(fill("README.md"))


def test_one_class_is_not_enough(fill: Fill) -> None:
    """There is nothing to tell apart."""
    assert "holds 1 class folder(s)" in refuse(fill(*many("cats")))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The path stands in the error."""
    assert f"{tmp_path}/none cannot be listed" in refuse(tmp_path / "none")


def test_train_without_test_is_refused(fill: Fill) -> None:
    """Half of a split, or a split among classes: the allowed layouts are told."""
    assert "holds 'train', 'val': either train, test" in refuse(fill(*many("train/a", "val/a")))
    assert "'cats', 'train'" in refuse(fill(*many("cats")))


def test_splits_with_different_classes_are_refused(fill: Fill) -> None:
    """The odd ones are named."""
    root = fill(*many("train/cats", "train/dogs", "test/cats", "test/birds"))
    assert "test and train have different classes: 'birds', 'dogs'" in refuse(root)


def test_too_few_pictures_are_refused(fill: Fill) -> None:
    """An empty class, or one that cannot be on all sides; what is needed depends on the layout."""
    root = fill(*many("cats"), *many("dogs", count=2))
    assert "too few pictures in 'dogs' (2): at least 3 are needed" in refuse(root)


def test_an_empty_class_of_a_given_split_is_refused(fill: Fill) -> None:
    """Which split it is stands in the error."""
    root = fill(*many("train/cats", "train/dogs", "test/cats"))
    (root / "test/dogs").mkdir()
    assert f"{root}/test: too few pictures in 'dogs' (0): at least 1 are needed" in refuse(root)


def test_stray_files_and_folders_are_named(fill: Fill) -> None:
    """At most twenty, and how many more there are."""
    strays = [f"{number}.png" for number in range(25)]
    told = refuse(fill(*many("cats", "dogs"), *strays))
    assert "holds files beside its folders" in told
    assert told.count(".png") == 20
    assert "… and 5 more" in told


def test_a_folder_in_a_class_is_refused(fill: Fill) -> None:
    """Pictures that nobody reads would be a surprise."""
    told = refuse(fill(*many("cats", "dogs", "dogs/small")))
    assert "dogs is a class and holds folders" in told
    assert "dogs/small" in told
