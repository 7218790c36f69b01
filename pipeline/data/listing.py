"""The user's pictures before any is opened: where each lies, its class, its split, its group."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from msgspec import Struct

from contract.arrays import Labels
from pipeline.errors import PipelineError

NAMED = 20  # at most so many files are named in one error
_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


class FolderError(PipelineError):
    """The folder is not laid out as it must be, or pictures in it cannot be read."""


class Picture(Struct, frozen=True, gc=False):
    """A million of them fit in memory: no Path, and nothing that a collector must visit."""

    path: str  # below the root
    label: int
    split: str = ""  # one of SPLITS; empty where prepare chooses
    group: str = ""  # equal names stay in one split; empty where it stands alone


@dataclass(frozen=True)
class Listing:
    """`given` are the splits that the user made; `left_out` counts files by why they are none."""

    root: Path
    classes: tuple[str, ...]
    pictures: list[Picture]
    given: tuple[str, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def labels(self) -> Labels:
        return np.array([picture.label for picture in self.pictures], np.int64)


def split_word(name: str) -> str | None:
    """One of SPLITS for its usual names, in any case."""
    return _SPLIT_WORDS.get(name.strip().casefold())


def check_counts(counts: dict[str, int], needed: int, where: str) -> None:
    """Raise FolderError for classes of fewer pictures than `needed`."""
    if few := [name for name, count in counts.items() if count < needed]:
        named = ", ".join(f"{name!r} ({counts[name]})" for name in few[:NAMED])
        raise FolderError(f"{where}: too few pictures in {named}: at least {needed} are needed")


def printable(path: str) -> str:
    """Bytes that are no UTF-8 as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def listed_files(lines: Iterable[str]) -> str:
    """At most NAMED of them, one a line."""
    every = list(lines)
    more = [f"… and {len(every) - NAMED} more"] if len(every) > NAMED else []
    return "".join(f"\n  {line}" for line in (*every[:NAMED], *more))


def listed_names(names: Iterable[str]) -> str:
    every = [repr(name) for name in names]
    return ", ".join((*every[:NAMED], *(["…"] if len(every) > NAMED else []))) or "nothing"
