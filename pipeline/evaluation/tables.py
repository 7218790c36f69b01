"""CSV files that git can compare and `dvc plots` can draw."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from contract.files import write_bytes


def write(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """The first row is the header."""
    with io.StringIO(newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
        write_bytes(path, file.getvalue().encode())


def write_all(tables: Mapping[str, Iterable[Sequence[object]]], folder: Path) -> None:
    """Write NAME.csv for each table."""
    for name, rows in tables.items():
        write(folder / f"{name}.csv", rows)
