"""What lies in a folder: folders, pictures, and files that are left out, counted by why."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contract.reading.signatures import format_of
from pipeline.data.listing import FolderError

HEAD_BYTES = 4096
PICTURES = frozenset({
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".bmp", ".dib", ".gif",
    ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".heic", ".heif",
})  # fmt: skip
TEXTS = frozenset({
    ".txt", ".xml", ".csv", ".tsv", ".json", ".jsonl", ".md", ".rst", ".html", ".htm", ".yaml",
    ".yml", ".toml", ".ini", ".cfg", ".log", ".py", ".ipynb",
})  # fmt: skip
LITTER = frozenset({
    "__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found",
    "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r",
})  # fmt: skip
OWN = frozenset({".gitignore", ".gitkeep", ".gitattributes", ".git", ".dvcignore", "readme.md"})

OF_DESKTOPS = "hidden, or litter of desktops and devices"
TEXT = "text, tables or XML"
OTHER = "not a picture by its first bytes"
UNLISTED = "pictures that the manifest does not name"


@dataclass(frozen=True)
class Entries:
    """Names in sorted order; files are pictures by their names, or else by their first bytes."""

    folders: list[str]
    pictures: list[str]


class Finder:
    """Reads folders below a root; `left_out` counts the files that it passes over."""

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()

    def entries(self, folder: Path | str) -> Entries:
        """Raises FolderError where it cannot be listed."""
        found = Entries([], [])
        for entry in _listed(folder):
            name = entry.name
            if name.casefold() in OWN or name.endswith(".dvc"):
                continue
            if name.startswith(".") or name.casefold() in LITTER:
                self.left_out[OF_DESKTOPS] += _files_in(entry)
            elif entry.is_dir():
                found.folders.append(name)
            elif why := _why_not(entry):
                self.left_out[why] += 1
            else:
                found.pictures.append(name)
        return found

    def below(self, folder: Path) -> list[str]:
        """The pictures of a folder and of all its folders, as sorted paths from there."""
        return sorted(self._below(str(folder), "", frozenset()))

    def _below(self, root: str, inside: str, above: frozenset[tuple[int, int]]) -> Iterator[str]:
        folder = os.path.join(root, inside)  # noqa: PTH118 - as text, for a million of them
        state = os.stat(folder)  # noqa: PTH116
        here = (state.st_dev, state.st_ino)
        if here in above:
            raise FolderError(
                f"{folder.rstrip('/')} is a link to a folder that holds it: remove the link"
            )
        found = self.entries(folder)
        for name in found.pictures:
            yield f"{inside}{name}"
        for name in found.folders:
            yield from self._below(root, f"{inside}{name}/", above | {here})


def _listed(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise FolderError(f"{folder} cannot be listed: {error.strerror}") from error


def _files_in(entry: os.DirEntry[str]) -> int:
    if not entry.is_dir(follow_symlinks=False):
        return 1
    return sum(len(files) for _, _, files in os.walk(entry.path))


def _why_not(entry: os.DirEntry[str]) -> str | None:
    """A name that says picture is believed: reading it will show, and a broken one is reported."""
    suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - as text
    if suffix in PICTURES:
        return None
    if suffix in TEXTS:
        return TEXT
    try:
        with open(entry.path, "rb") as file:  # noqa: PTH123
            return None if format_of(file.read(HEAD_BYTES)) else OTHER
    except OSError:
        return None  # reading it will tell
