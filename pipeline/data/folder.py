"""How the user's pictures lie in data/images: a folder per class, perhaps below train and test."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from pipeline.data.arrays import SPLITS
from pipeline.errors import PipelineError

NAMED = 20  # at most so many files are named in one error
NOT_DATA = frozenset({"README.md", "Thumbs.db", "desktop.ini"})

ByClass: TypeAlias = dict[str, list[Path]]


class FolderError(PipelineError):
    """The folder is not laid out as it must be, or pictures in it cannot be read."""


def scan(root: Path) -> dict[str, ByClass]:
    """The pictures of each split and class, in sorted order; `train` alone where none is given.

    Files of git, DVC and desktops are no pictures. Raises FolderError that names what is wrong.
    """
    top = _subfolders(root)
    given = [name for name in SPLITS if name in top]
    if not given:
        splits = {"train": _classes(root)}
    elif set(top) <= set(SPLITS) and {"train", "test"} <= set(top):
        splits = {name: _classes(root / name) for name in given}
    else:
        raise FolderError(
            f"{root} holds {_listed(top)}: either train, test (and val, if you like) and nothing "
            "else, each with a folder per class, or one folder per class"
        )
    _check_same_classes(root, splits)
    _check_enough(root, splits)
    return splits


def listed_files(lines: Iterable[str]) -> str:
    """At most NAMED of them, one a line."""
    every = list(lines)
    more = [f"… and {len(every) - NAMED} more"] if len(every) > NAMED else []
    return "".join(f"\n  {line}" for line in (*every[:NAMED], *more))


def _classes(folder: Path) -> ByClass:
    return {name: _files(folder / name) for name in _subfolders(folder)}


def _subfolders(folder: Path) -> list[str]:
    entries = _entries(folder)
    if strays := [path for path in entries if not path.is_dir()]:
        raise FolderError(
            f"{folder} holds files beside its folders: move each into its class's folder, or away:"
            f"{listed_files(map(str, strays))}"
        )
    return [path.name for path in entries]


def _files(folder: Path) -> list[Path]:
    entries = _entries(folder)
    if strays := [path for path in entries if path.is_dir()]:
        raise FolderError(
            f"{folder} is a class and holds folders: its pictures must lie in it directly:"
            f"{listed_files(map(str, strays))}"
        )
    return entries


def _entries(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise FolderError(f"{folder} cannot be listed: {error.strerror}") from error
    return [
        path
        for path in entries
        if not (path.name.startswith(".") or path.name in NOT_DATA or path.suffix == ".dvc")
    ]


def _check_same_classes(root: Path, splits: dict[str, ByClass]) -> None:
    expected = set(splits["train"])
    for name, classes in splits.items():
        if odd := sorted(expected ^ set(classes)):
            raise FolderError(
                f"{root}: {name} and train have different classes: {_listed(odd)} "
                "stand(s) in one of them only"
            )
    if len(expected) < 2:  # noqa: PLR2004 - with one there is nothing to tell apart
        raise FolderError(
            f"{root} holds {len(expected)} class folder(s) with pictures: at least 2 are needed; "
            "see data/images/README.md"
        )


def _check_enough(root: Path, splits: dict[str, ByClass]) -> None:
    """A class needs one picture for each split that is cut from it, and one to learn from."""
    for split, classes in splits.items():
        needed = 1 + sum(name not in splits for name in ("val", "test")) if split == "train" else 1
        if few := [name for name, files in classes.items() if len(files) < needed]:
            counts = ", ".join(f"{name!r} ({len(classes[name])})" for name in few[:NAMED])
            where = f"{root}/{split}" if len(splits) > 1 else f"{root}"
            raise FolderError(
                f"{where}: too few pictures in {counts}: at least {needed} are needed"
            )


def _listed(names: Iterable[str]) -> str:
    every = [repr(name) for name in names]
    return ", ".join((*every[:NAMED], *(["…"] if len(every) > NAMED else []))) or "nothing"
