"""A table of pictures, manifest.csv or manifest.jsonl: path, label, and perhaps split and group."""

import csv
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from pipeline.data.arrays import SPLITS
from pipeline.data.entries import TEXT, UNLISTED, Finder
from pipeline.data.listing import (
    FolderError,
    Listing,
    Picture,
    check_counts,
    listed_files,
    listed_names,
    split_word,
)

NAMES = ("manifest.csv", "manifest.jsonl")
COLUMNS = ("path", "label", "split", "group")
DELIMITERS = ",;\t"

Row = dict[str, str]  # by COLUMNS; absent ones are empty


def find(folder: Path) -> Path | None:
    """Raise FolderError where there are two."""
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(found) > 1:
        raise FolderError(f"{folder} holds {' and '.join(NAMES)}: take one of them away")
    return found[0] if found else None


def read(table: Path, root: Path) -> Listing:
    """The pictures that it names, by split, label and path; paths count from its own folder.

    Raises FolderError that names the line.
    """
    rows = dict(_rows(table))
    if not rows:
        raise FolderError(f"{table} names no pictures")
    start = table.parent.relative_to(root).as_posix()
    paths = {number: _path(row, table, number, start) for number, row in rows.items()}
    _check_files(table, root, paths)
    splits = _splits(table, rows)
    classes = tuple(sorted({row["label"] for row in rows.values()}))
    labels = {name: index for index, name in enumerate(classes)}
    pictures = [
        Picture(paths[number], labels[row["label"]], splits[number], row["group"])
        for number, row in rows.items()
    ]
    pictures.sort(key=lambda one: (one.split and SPLITS.index(one.split), one.label, one.path))
    given = tuple(name for name in SPLITS if name in set(splits.values()))
    _check(table, classes, pictures, given)
    return Listing(root, classes, pictures, given, _left_out(table.parent, pictures))


def _rows(table: Path) -> Iterator[tuple[int, Row]]:
    """(line, row) of each."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            lines = _of_csv(file, table) if table.suffix == ".csv" else _of_json(file, table)
            for number, row in lines:
                if not row["path"] or not row["label"]:
                    missing = "label" if row["path"] else "path"
                    raise FolderError(f"{table}, line {number}: the {missing} is empty")
                yield number, row
    except UnicodeDecodeError as error:
        raise FolderError(f"{table} is not UTF-8 ({error.reason}): save it as UTF-8") from None
    except (OSError, csv.Error) as error:
        raise FolderError(f"{table} cannot be read: {error}") from error


def _of_csv(file: Iterator[str], table: Path) -> Iterator[tuple[int, Row]]:
    head = next(file, "")
    delimiter = max(DELIMITERS, key=head.count)
    names = [name.strip().casefold() for name in next(csv.reader([head], delimiter=delimiter), [])]
    _check_columns(names, f"{table}, line 1")
    reader = csv.DictReader(file, names, delimiter=delimiter)
    for row in reader:
        if None in row or None in row.values():
            raise FolderError(
                f"{table}, line {reader.line_num + 1}: {len(names)} values are expected, as many "
                "as the first line names; put a text with commas into quotes"
            )
        yield reader.line_num + 1, {name: row.get(name, "").strip() for name in COLUMNS}


def _of_json(file: Iterator[str], table: Path) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        where = f"{table}, line {number}"
        try:
            content = msgspec.json.decode(line, type=dict[str, str | int | None])
        except msgspec.DecodeError as error:
            raise FolderError(f"{where}: an object of texts is expected: {error}") from None
        _check_columns(list(content), where)
        values = {name: content.get(name) for name in COLUMNS}
        yield number, {name: "" if v is None else str(v).strip() for name, v in values.items()}


def _check_columns(names: list[str], where: str) -> None:
    if missing := [name for name in ("path", "label") if name not in names]:
        raise FolderError(
            f"{where}: {listed_names(missing)} is missing among {listed_names(names)}; "
            "path and label are needed, split and group allowed"
        )


def _path(row: Row, table: Path, number: int, start: str) -> str:
    path = row["path"]
    if os.path.isabs(path) or ".." in path.split("/"):  # noqa: PTH117 - a text
        raise FolderError(
            f"{table}, line {number}: {path!r} leaves the folder: give a path below {table.parent}"
        )
    plain = os.path.normpath(path)
    return plain if start == "." else f"{start}/{plain}"


def _check_files(table: Path, root: Path, paths: dict[int, str]) -> None:
    if twice := [path for path, count in Counter(paths.values()).items() if count > 1]:
        raise FolderError(f"{table} names pictures twice:{listed_files(twice)}")
    lost = [
        f"line {number}: {path}"
        for number, path in paths.items()
        if not os.path.isfile(os.path.join(root, path))  # noqa: PTH113, PTH118 - as text
    ]
    if lost:
        raise FolderError(f"{table} names files that are not there:{listed_files(lost)}")


def _splits(table: Path, rows: dict[int, Row]) -> dict[int, str]:
    """The split of each line: all of them have one, or none."""
    found = {number: split_word(row["split"]) for number, row in rows.items()}
    for number, row in rows.items():
        if row["split"] and found[number] is None:
            raise FolderError(
                f"{table}, line {number}: the split is {row['split']!r}: "
                "train, val and test are known"
            )
    if len(without := [number for number, word in found.items() if not word]) in (0, len(rows)):
        return {number: word or "" for number, word in found.items()}
    raise FolderError(
        f"{table}, line {without[0]} names no split, and others do: give all of them one, or none"
    )


def _check(
    table: Path, classes: tuple[str, ...], pictures: list[Picture], given: tuple[str, ...]
) -> None:
    if len(classes) < 2:  # noqa: PLR2004 - with one there is nothing to tell apart
        raise FolderError(f"{table} knows {len(classes)} label(s): at least 2 are needed")
    if given and "train" not in given:
        raise FolderError(f"{table} names the splits {listed_names(given)}: train is missing")
    for split in given or ("",):
        labels = Counter(one.label for one in pictures if one.split == split)
        cut = sum(name not in given for name in ("val", "test"))
        needed = 1 + cut if split in ("", "train") else 1
        counts = {name: labels[index] for index, name in enumerate(classes)}
        check_counts(counts, needed, f"{table} {split}".strip())
    by_group: dict[str, str] = {}
    for one in pictures:
        if one.group and by_group.setdefault(one.group, one.split) != one.split:
            raise FolderError(
                f"{table}: the group {one.group!r} stands in {by_group[one.group]} and in "
                f"{one.split}: a group belongs to one split"
            )


def _left_out(folder: Path, pictures: list[Picture]) -> dict[str, int]:
    finder = Finder()
    unlisted = len(finder.below(folder)) - len(pictures)
    finder.left_out[TEXT] -= 1  # the table itself
    finder.left_out[UNLISTED] += max(unlisted, 0)
    return dict(+finder.left_out)
