"""The layouts of data/images that are taken, and what is said about the others."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.data import entries
from pipeline.data.folder import scan
from pipeline.data.listing import FolderError

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
    """The names of the folders are the classes."""
    listing = scan(fill(*many("dogs", "cats")))
    assert (listing.given, listing.classes, listing.left_out) == ((), ("cats", "dogs"), {})
    assert [(one.path, one.label, one.split) for one in listing.pictures[:3]] == [
        (f"cats/{number}.png", 0, "") for number in range(3)
    ]


@pytest.mark.parametrize(
    ("folders", "given"),
    [
        (("train", "test"), ("train", "test")),
        (("train", "val", "test"), ("train", "val", "test")),
        (("Train", "VALID", "Test"), ("train", "val", "test")),
        (("training", "validation", "testing"), ("train", "val", "test")),
        (("train", "val"), ("train", "val")),
        (("photos/train", "photos/val"), ("train", "val")),
    ],
)
def test_given_splits(folders: tuple[str, ...], given: tuple[str, ...], fill: Fill) -> None:
    """By their usual names, in any case; two are enough, and a folder may wrap them."""
    root = fill(*many(*(f"{split}/{name}" for split in folders for name in ("cats", "dogs"))))
    listing = scan(root)
    assert listing.given == given
    for split, folder in zip(given, folders, strict=True):
        found = [(one.path, one.label) for one in listing.pictures if one.split == split]
        assert found == [
            (f"{folder}/{name}/{number}.png", label)
            for label, name in enumerate(("cats", "dogs"))
            for number in range(3)
        ]


@pytest.mark.parametrize("wrap", ["photos", "my/set", "train"])
def test_a_folder_that_wraps_the_classes_is_entered(wrap: str, fill: Fill) -> None:
    """As archives unpack; what desktops put beside it is counted."""
    root = fill(*many(f"{wrap}/cats", f"{wrap}/dogs"), "__MACOSX/a/._x.jpg", "readme.txt")
    listing = scan(root)
    assert (listing.given, listing.classes) == ((), ("cats", "dogs"))
    assert listing.pictures[0].path == f"{wrap}/cats/0.png"
    assert listing.left_out == {entries.OF_DESKTOPS: 1, entries.TEXT: 1}


def test_pictures_lie_anywhere_below_their_class(fill: Fill) -> None:
    """Sorted by path; the folder right below the root names the class."""
    root = fill(*many("cats/2024/may", "cats", "dogs/a", "dogs/b"))
    listing = scan(root)
    assert listing.classes == ("cats", "dogs")
    assert [one.path for one in listing.pictures if one.label == 0] == sorted(
        many("cats/2024/may", "cats")
    )


def test_a_class_may_be_called_train(fill: Fill) -> None:
    """Its pictures lie in it, so that it is no split."""
    listing = scan(fill(*many("bus", "train", "Test")))
    assert (listing.given, listing.classes) == ((), ("Test", "bus", "train"))


def test_what_is_no_picture_is_left_out_and_counted(fill: Fill) -> None:
    """By well-known names, by text suffixes, else by the first bytes; git's and DVC's go unsaid."""
    root = fill(
        *many("cats", "dogs"),
        *("README.md", ".gitignore", "cats.dvc"),
        *("cats/THUMBS.DB", "cats/.DS_Store", "dogs/@eaDir/0.png/SYNO.jpg", "dogs/@eaDir/x"),
        *("dogs/.ipynb_checkpoints/0.png", "cats/0.xml", "dogs/labels.TXT", "cats/film.mp4"),
        *("cats/unnamed", "notes"),
    )
    (root / "cats/unnamed").write_bytes(b"GIF89a and so on")
    listing = scan(root)
    assert listing.left_out == {entries.OF_DESKTOPS: 5, entries.TEXT: 2, entries.OTHER: 2}
    assert [one.path for one in listing.pictures] == [
        *many("cats"), "cats/unnamed", *many("dogs")
    ]  # fmt: skip


def test_a_class_whose_name_is_no_text_is_refused(fill: Fill) -> None:
    """No figure, page or answer could show it; the bytes are shown."""
    root = fill(*many("cats", "dogs"))
    (root / "dogs").rename(os.fsdecode(os.fsencode(root) + b"/d\xf6gs"))
    assert r"the name of the class b'd\xf6gs' is not UTF-8" in refuse(root)


def test_a_link_in_a_circle_is_refused(fill: Fill) -> None:
    """Links to folders are followed; one to a folder above would never end."""
    root = fill(*many("cats", "elsewhere/dogs"))
    (root / "dogs").symlink_to(root / "elsewhere/dogs")
    assert scan(root).classes == ("cats", "dogs", "elsewhere")
    (root / "cats/again").symlink_to(root / "cats")
    assert "cats/again is a link to a folder that holds it" in refuse(root)


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


@pytest.mark.parametrize(
    ("folders", "held"),
    [
        (("val", "test"), "'test', 'val'"),
        (("train", "test", "unlabelled"), "'test', 'train', 'unlabelled'"),
        (("train", "val", "valid"), "'train', 'val', 'valid'"),
    ],
)
def test_other_splits_are_refused(folders: tuple[str, ...], held: str, fill: Fill) -> None:
    """Without training, among others, twice: what is held and what is allowed."""
    root = fill(*many(*(f"{split}/{name}" for split in folders for name in ("a", "b"))))
    assert f"holds {held}: either train, test and val (or two of them" in refuse(root)


def test_splits_without_classes_are_refused(fill: Fill) -> None:
    """Two classes called train and test would be learned otherwise."""
    assert "nothing says of which class each is" in refuse(fill(*many("train", "test")))


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
    message = refuse(fill(*many("cats", "dogs"), *strays))
    assert "holds files beside its folders" in message
    assert message.count(".png") == 20
    assert "… and 5 more" in message
