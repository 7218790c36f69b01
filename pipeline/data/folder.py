"""How the user's pictures lie in data/images: a manifest, or folders of classes, perhaps of splits.

root ─► a folder that wraps the rest is entered ─► manifest? ─► splits by their usual names?
     ─► classes ─► all pictures below each
"""

from pathlib import Path
from typing import TypeAlias

from pipeline.data import manifest
from pipeline.data.arrays import SPLITS
from pipeline.data.entries import Entries, Finder
from pipeline.data.listing import (
    FolderError,
    Listing,
    Picture,
    check_counts,
    listed_files,
    listed_names,
    split_word,
)

ByClass: TypeAlias = dict[str, list[str]]  # paths below the root

ALLOWED = (
    "either train, test and val (or two of them, train being one), each with a folder per class; "
    "or one folder per class; or a manifest: see data/images/README.md"
)


def scan(root: Path) -> Listing:
    """The pictures of each split and class, in sorted order; what is none is counted.

    Raises FolderError that names what is wrong.
    """
    finder = Finder()
    base = _unwrapped(root, finder)
    if (table := manifest.find(base)) is not None:
        return manifest.read(table, root)
    top = finder.entries(base)
    _check_strays(base, top)
    folders = _splits(base, top.folders)
    if folders:
        splits = {
            name: _classes(root, base / folder, finder.entries(base / folder), finder)
            for name, folder in folders.items()
        }
    else:
        splits = {"": _classes(root, base, top, finder)}
    classes = tuple(next(iter(splits.values())))
    _check_same_classes(base, splits)
    _check_enough(base, splits)
    pictures = [
        Picture(path, label, split)
        for split, by_class in splits.items()
        for label, name in enumerate(classes)
        for path in by_class[name]
    ]
    given = tuple(name for name in SPLITS if name in splits)
    return Listing(root, classes, pictures, given, dict(finder.left_out))


def check_class_name(name: str, where: str) -> None:
    """Refuse bytes that are no text: no page, figure or answer could show them."""
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = name.encode(errors="surrogateescape")
        raise FolderError(
            f"{where}: the name of the class {shown!r} is not UTF-8: rename the folder"
        ) from None


def _unwrapped(root: Path, finder: Finder) -> Path:
    """Enter folders that hold nothing but one folder of folders; `finder` counts what they hold."""
    base, here = root, Finder().entries(root)
    while len(here.folders) == 1 and not here.pictures and manifest.find(base) is None:
        inner = base / here.folders[0]
        below = Finder().entries(inner)
        if manifest.find(inner) is None and (below.pictures or not below.folders):
            break
        finder.entries(base)
        base, here = inner, below
    return base


def _splits(base: Path, folders: list[str]) -> dict[str, str]:
    """Which folder is which split, in the order of SPLITS; none where they are classes."""
    words = {name: split_word(name) for name in folders}
    of_classes = [name for name, word in words.items() if word and _holds_classes(base / name)]
    named = [words[name] for name in of_classes]
    if not of_classes:
        if all(words.values()) and folders:
            raise FolderError(
                f"{base} holds {listed_names(folders)}, which hold pictures and no folders: "
                "nothing says of which class each is; make a folder per class in them, or write a "
                "manifest: see data/images/README.md"
            )
        return {}
    if len(of_classes) < len(folders) or "train" not in named or len(set(named)) < len(named):
        raise FolderError(f"{base} holds {listed_names(folders)}: {ALLOWED}")
    by_word = {words[name]: name for name in of_classes}
    return {word: by_word[word] for word in SPLITS if word in by_word}


def _holds_classes(folder: Path) -> bool:
    inside = Finder().entries(folder)
    return bool(inside.folders) and not inside.pictures


def _classes(root: Path, folder: Path, found: Entries, finder: Finder) -> ByClass:
    _check_strays(folder, found)
    classes = {}
    for name in found.folders:
        check_class_name(name, str(folder))
        start = (folder / name).relative_to(root).as_posix()
        classes[name] = [f"{start}/{path}" for path in finder.below(folder / name)]
    return classes


def _check_strays(folder: Path, found: Entries) -> None:
    if found.pictures:
        strays = (str(folder / name) for name in found.pictures)
        raise FolderError(
            f"{folder} holds files beside its folders: move each into its class's folder, or away:"
            f"{listed_files(strays)}"
        )


def _check_same_classes(root: Path, splits: dict[str, ByClass]) -> None:
    train = next(iter(splits.values()))
    for name, classes in splits.items():
        if odd := sorted(set(train) ^ set(classes)):
            raise FolderError(
                f"{root}: {name} and train have different classes: {listed_names(odd)} "
                "stand(s) in one of them only"
            )
    if len(train) < 2:  # noqa: PLR2004 - with one there is nothing to tell apart
        raise FolderError(
            f"{root} holds {len(train)} class folder(s) with pictures: at least 2 are needed; "
            "see data/images/README.md"
        )


def _check_enough(root: Path, splits: dict[str, ByClass]) -> None:
    """A class needs one picture for each split that is cut from it, and one to learn from."""
    for split, classes in splits.items():
        cut = sum(name not in splits for name in ("val", "test"))
        needed = 1 + cut if split in ("", "train") else 1
        counts = {name: len(paths) for name, paths in classes.items()}
        where = f"{root}/{split}" if split else f"{root}"
        check_counts(counts, needed, where)
