"""The state of a prepare under way: arrays that fill, and a journal of the parts that are done.

A prepare that was killed leaves it in .prepare/KEY beside the prepared folder; the next one with
the same KEY, which stands for the files, the rules and the code that reads, goes on from there.
"""

import base64
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
import numpy as np
import PIL
from msgspec import Struct

import contract.reading
from contract.files import canonical_json, sha256_of_file
from contract.reading.rules import Rules
from pipeline.data.arrays import SPLITS
from pipeline.data.decoding import Done, Part
from pipeline.data.listing import FolderError, Listing
from pipeline.data.looking import FACTS, Shape
from pipeline.data.npy import RowFile
from pipeline.data.plan import Plan

PART = 64  # pictures: what a kill costs at most, for each process
ARRAYS, JOURNAL = "prepared", "done.jsonl"


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One of the journal: Done as JSON."""

    name: str
    sha256: str
    facts: str  # base64
    reasons: dict[int, str]


class Unfinished:
    """`plan` as files of rows below `folder`, some of them perhaps filled already."""

    def __init__(self, folder: Path, listing: Listing, plan: Plan, shape: Shape) -> None:
        self.folder, self.arrays, self.shape = folder, folder / ARRAYS, shape
        self.files = {name: RowFile(self.arrays / f"{name}_images.npy", shape) for name in SPLITS}
        self._listing, self._plan = listing, plan

    def there(self) -> list[RowFile]:
        """The files that an earlier process made."""
        return [file for file in self.files.values() if file.path.exists()]

    def begin(self) -> dict[str, Done]:
        """Give the files their size; return the parts that an earlier process finished."""
        there = {name for name, file in self.files.items() if file.path.exists()}
        for name, rows in self._plan.items():
            self.files[name].make(len(rows))
        found = {line.name: line for line in self._lines()}
        kept = {
            name: _done(found[name])
            for name, split, first, rows in self._cuts()
            if name in found and split in there and self._holds(split, first, rows, found[name])
        }
        journal = self.folder / JOURNAL
        fresh = journal.with_suffix(".new")
        fresh.write_bytes(b"".join(_line(done) for done in kept.values()))
        fresh.replace(journal)
        return kept

    def parts(self, without: dict[str, Done]) -> Iterator[Part]:
        root = str(self._listing.root)
        for name, split, first, rows in self._cuts():
            if name not in without:
                chosen = self._plan[split][first : first + rows].tolist()
                paths = [os.path.join(root, self._listing.pictures[one].path) for one in chosen]  # noqa: PTH118 - as text
                yield Part(name, self.files[split].path, first, paths)

    def rows_of(self, name: str) -> tuple[str, slice]:
        """Split and rows of a part."""
        split, _, first = name.partition(":")
        return split, slice(int(first), min(int(first) + PART, len(self._plan[split])))

    @contextmanager
    def journal(self) -> Iterator[IO[bytes]]:
        with (self.folder / JOURNAL).open("ab", buffering=0) as file:
            yield file

    def _cuts(self) -> Iterator[tuple[str, str, int, int]]:
        """(name, split, first row, rows) of each part."""
        for split, places in self._plan.items():
            for first in range(0, len(places), PART):
                yield f"{split}:{first}", split, first, min(PART, len(places) - first)

    def _lines(self) -> Iterator[Line]:
        try:
            content = (self.folder / JOURNAL).read_bytes()
        except FileNotFoundError:
            return
        for line in content.splitlines():
            try:
                yield msgspec.json.decode(line, type=Line)
            except msgspec.DecodeError:  # cut where the process was killed
                continue

    def _holds(self, split: str, first: int, rows: int, line: Line) -> bool:
        """Whether the rows on the disk are those that were decoded."""
        file, digest = self.files[split], hashlib.sha256()
        with file.path.open("rb", buffering=0) as opened:
            for row in range(first, first + rows):
                digest.update(file.read(opened.fileno(), row, 1).data)
        return digest.hexdigest() == line.sha256


def record(journal: IO[bytes], done: Done) -> None:
    journal.write(_line(done))


@contextmanager
def locked(prepared: Path, key: str) -> Iterator[Path]:
    """Yield .prepare/KEY beside `prepared`, and this process alone there; other keys' are gone.

    What is left when the block ends well is taken away. A prepare that is dying is waited for.
    """
    home = prepared.absolute().parent / ".prepare"
    home.mkdir(parents=True, exist_ok=True)
    handle = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for other in home.iterdir():
            if other.name != key:
                shutil.rmtree(other)
        (home / key).mkdir(parents=True, exist_ok=True)
        yield home / key
        shutil.rmtree(home)
    finally:
        os.close(handle)


def key_of(listing: Listing, plan: Plan, rules: Rules, shape: Shape) -> str:
    """16 hexadecimal digits; raises FolderError where a file has gone since it was listed."""
    readers = sorted(Path(path) for path in contract.reading.__path__)
    code = [sha256_of_file(path) for folder in readers for path in sorted(folder.glob("*.py"))]
    digest = hashlib.sha256(
        canonical_json([msgspec.to_builtins(rules), shape, PIL.__version__, code, PART]).encode()
    )
    root = str(listing.root)
    for split, places in plan.items():
        digest.update(split.encode())
        for place in places.tolist():
            path = listing.pictures[place].path
            try:
                state = os.stat(os.path.join(root, path))  # noqa: PTH116, PTH118 - as text
            except OSError as error:
                raise FolderError(f"{root}/{path} cannot be read: {error.strerror}") from error
            line = f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n"
            digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _line(done: Done) -> bytes:
    facts = base64.b64encode(done.facts.tobytes()).decode()
    return msgspec.json.encode(Line(done.name, done.sha256, facts, done.reasons)) + b"\n"


def _done(line: Line) -> Done:
    facts = np.frombuffer(base64.b64decode(line.facts), FACTS)
    return Done(line.name, line.sha256, facts, line.reasons)
