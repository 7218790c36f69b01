"""INPUT → items in a fixed order: a folder, a glob, a list of paths, one picture, or a table."""

import re
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Literal

from msgspec import Struct

from scoring import storage, tables
from scoring.errors import ScoringRefused

FOLDER = "folder"  # as --labels: the name of the folder that each picture lies in
STANDARD_INPUT = "-"
_LISTS = (".txt", ".lst", ".list")
_WILD = re.compile(r"[*?\[]")

Kind = Literal["files", "rows"]


class Item(Struct, frozen=True):
    """A picture by its address, or a run of rows of a table, whose column holds the files."""

    path: str  # what is no UTF-8 in a file's name stands in it as Python keeps it, as surrogates
    stamp: str = ""  # differs when the content does, as far as that is known without reading it
    label: str | None = None
    first: int = 0  # row of the table
    count: int = 1  # pictures


class Source(Struct, frozen=True):
    """What INPUT means."""

    kind: Kind
    column: str  # of the files in a table, dotted below a struct; empty for kind "files"
    items: Iterator[Item]


def opened(given: str, *, column: str | None, labels: str | None, most: int) -> Source:
    """`most`: rows of a table in one item. Raises ScoringRefused."""
    if column is not None:
        return _table(given, column, labels, most)
    if labels not in {None, FOLDER}:
        raise ScoringRefused(
            f"--labels {labels!r} names a column, and without --column INPUT is no table: "
            f"give both, or --labels {FOLDER} for the name of each picture's folder"
        )
    if PurePosixPath(given).suffix.lower() == ".parquet" and not _is_wild(given):
        raise ScoringRefused(
            f"{given!r} is a table: say with --column which of its columns holds the pictures: "
            + tables.columns(given)
        )
    return Source("files", "", _files(given))


def _is_wild(given: str) -> bool:
    """Whether it is a pattern: a file of that very name is none."""
    if not _WILD.search(given):
        return False
    return storage.is_remote(given) or storage.stamp_of(given) == "absent"


def _files(given: str) -> Iterator[Item]:
    if given == STANDARD_INPUT or PurePosixPath(given).suffix.lower() in _LISTS:
        return _listed(given)
    return (Item(entry.path, entry.stamp) for entry in _entries(given))


def _entries(given: str) -> Iterator[storage.Entry]:
    """Files of a folder, of a pattern, or the one named."""
    if _is_wild(given):
        return _matching(given)
    if storage.scheme_of(given) in {"http", "https"}:
        return iter([storage.Entry(given, "")])
    if not storage.is_remote(given):
        path = storage.local(given)
        if path.is_dir():
            return storage.walked(given)
        if path.is_file():
            return iter([storage.Entry(given, storage.stamp_of(given))])
        raise ScoringRefused(
            f"there is no {given!r}: give a folder, a pattern in quotes, a list of paths "
            f"({_LISTS[0]}), a Parquet file with --column, or an s3:// or gs:// address"
        )
    folder, _, name = given.rstrip("/").rpartition("/")
    if not given.endswith("/") and any(one.path == name for one in storage.listed(folder)):
        return iter([storage.Entry(given, "")])
    return storage.walked(given)


def _matching(pattern: str) -> Iterator[storage.Entry]:
    """In the order of a walk below the part before the first wild folder."""
    parts = pattern.split("/")
    fixed = next(at for at, part in enumerate(parts) if _WILD.search(part))
    top = "/".join(parts[:fixed]) or ("/" if pattern.startswith("/") else ".")
    wanted = re.compile(_expression(pattern if top != "." else f"./{pattern}"), re.DOTALL)
    if not storage.is_remote(top) and not storage.local(top).is_dir():
        raise ScoringRefused(f"{pattern!r}: there is no folder {top!r}")
    for entry in storage.walked(top):
        if wanted.fullmatch(entry.path):
            path = entry.path.removeprefix("./") if top == "." else entry.path
            yield storage.Entry(path, entry.stamp)


def _expression(pattern: str) -> str:
    """As a shell with globstar reads it: * and ? stay in one folder, ** goes through any."""
    found, at = "", 0
    while at < len(pattern):
        rest = pattern[at:]
        if rest.startswith("**/"):
            found, at = f"{found}(?:.*/)?", at + 3
        elif rest.startswith("**"):
            found, at = f"{found}.*", at + 2
        elif rest[0] == "*":
            found, at = f"{found}[^/]*", at + 1
        elif rest[0] == "?":
            found, at = f"{found}[^/]", at + 1
        elif rest[0] == "[" and (end := rest.find("]", 2)) > 0:
            inner = rest[1:end].replace("\\", "\\\\")
            inner = f"^{inner[1:]}" if inner[0] == "!" else inner
            found, at = f"{found}[{inner}]", at + end + 1
        else:
            found, at = found + re.escape(rest[0]), at + 1
    return found


def _listed(given: str) -> Iterator[Item]:
    """One path or address a line; empty lines are left out."""
    if given == STANDARD_INPUT:
        lines = iter(sys.stdin.buffer)
        yield from _lines(lines)
        return
    try:
        with storage.local(given).open("rb") as file:
            yield from _lines(file)
    except OSError as error:
        raise ScoringRefused(
            f"the list {given!r} cannot be read: {storage.reason(error)}"
        ) from None


def _lines(lines: Iterator[bytes]) -> Iterator[Item]:
    for line in lines:
        if path := line.rstrip(b"\r\n").decode("utf-8", "surrogateescape"):
            yield Item(path, storage.stamp_of(path))


def _table(given: str, column: str, labels: str | None, most: int) -> Source:
    files = [entry for entry in _entries(given) if entry.path.endswith(".parquet")]
    if not files:
        raise ScoringRefused(
            f"{given!r} holds no .parquet file; --column is for tables: leave it away for pictures"
        )
    holds = tables.holding(files[0].path, column, None if labels == FOLDER else labels)
    if holds.are_addresses:
        found = (
            Item(path, storage.stamp_of(path) if path else "", label)
            for path, label in tables.addresses([f.path for f in files], column, holds.labels)
        )
        return Source("files", column, found)
    if labels == FOLDER:
        raise ScoringRefused(
            f"--labels {FOLDER}: the pictures of {column!r} lie in the table, not in folders; "
            "name the column that holds their classes"
        )
    runs = (
        Item(file.path, file.stamp, None, first, count)
        for file in files
        for first, count in tables.runs(file.path, most)
    )
    return Source("rows", holds.column, runs)
