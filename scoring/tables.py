"""Parquet that holds pictures: their addresses in a column, or their files themselves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from scoring import storage
from scoring.errors import ScoringRefused

_BYTES = "bytes"  # of a struct, as Hugging Face's Image columns are
_PAGE = 1 << 20  # bytes read at once of a column: a row group of pictures may be gigabytes
_ROWS = 8192  # of addresses at once


@dataclass(frozen=True)
class Holding:
    """What a column holds."""

    column: str  # dotted, where the files lie in a struct
    are_addresses: bool
    labels: str | None


@contextmanager
def reading(address: str) -> Iterator[pq.ParquetFile]:
    """Raise ScoringRefused for what is no Parquet."""
    system, path = storage.place(address)
    try:
        file = pq.ParquetFile(path, filesystem=system, buffer_size=_PAGE, pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        text = storage.reason(error)
        raise ScoringRefused(f"the table {address!r} cannot be read: {text}") from None
    with file:
        yield file


def columns(address: str) -> str:
    """Names and types, for people."""
    with reading(address) as file:
        return ", ".join(f"{one.name} ({one.type})" for one in file.schema_arrow)


def holding(address: str, column: str, labels: str | None) -> Holding:
    """Raise ScoringRefused where no pictures can be in that column, or no labels in the other."""
    with reading(address) as file:
        schema = file.schema_arrow
    there = ", ".join(f"{one.name} ({one.type})" for one in schema)
    for name, option in ((column, "--column"), (labels, "--labels")):
        if name is not None and schema.get_field_index(name) < 0:
            raise ScoringRefused(f"{option} {name!r}: {address!r} has the columns {there}")
    if labels is not None and not _is_label(schema.field(labels).type):
        raise ScoringRefused(f"--labels {labels!r} must hold strings or whole numbers: {there}")
    kind = schema.field(column).type
    if _is_text(kind):
        return Holding(column, are_addresses=True, labels=labels)
    if types.is_struct(kind) and kind.get_field_index(_BYTES) >= 0:
        if _is_binary(kind.field(_BYTES).type):
            return Holding(f"{column}.{_BYTES}", are_addresses=False, labels=labels)
    elif _is_binary(kind):
        return Holding(column, are_addresses=False, labels=labels)
    raise ScoringRefused(
        f"--column {column!r} must hold paths or URLs (string), or pictures' files (binary, or a "
        f"struct with {_BYTES!r}): {there}"
    )


def addresses(
    files: Sequence[str], column: str, labels: str | None
) -> Iterator[tuple[str, str | None]]:
    """Address and label of each row; an empty address where there is none."""
    wanted = [column, *([labels] if labels else [])]
    for file in files:
        with reading(file) as table:
            for batch in table.iter_batches(_ROWS, columns=wanted):
                paths = batch.column(column).to_pylist()
                names = batch.column(labels).to_pylist() if labels else [None] * len(paths)
                for path, label in zip(paths, names, strict=True):
                    yield path or "", None if label is None else str(label)


def runs(address: str, most: int) -> Iterator[tuple[int, int]]:
    """(first row, count) of about `most` rows; small row groups together, large ones in pieces."""
    with reading(address) as file:
        about = file.metadata
        counts = [about.row_group(at).num_rows for at in range(about.num_row_groups)]
    first, held = 0, 0
    for count in counts:
        if held and held + count > 2 * most:
            yield first, held
            first, held = first + held, 0
        held += count
        pieces = -(-held // most) if held > 2 * most else int(held >= most)
        for piece in range(pieces, 0, -1):
            size = -(-held // piece)
            yield first, size
            first, held = first + size, held - size
    if held:
        yield first, held


def rows(  # noqa: PLR0913 -- keyword-only choices of one read
    address: str, column: str, labels: str | None, *, first: int, count: int, at_once: int
) -> Iterator[list[tuple[bytes | None, str | None]]]:
    """File and label of each of `count` rows from `first`, so many at once."""
    with reading(address) as file:
        groups, start = [], 0
        before = first
        for group in range(file.metadata.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            if start + size <= first:
                before -= size
            elif start < first + count:
                groups.append(group)
            start += size
        left = count
        wanted = [column, *([labels] if labels else [])]
        for batch in file.iter_batches(at_once, row_groups=groups, columns=wanted):
            if before >= len(batch):
                before -= len(batch)
                continue
            part = batch.slice(before, left)
            before, left = 0, left - len(part)
            yield list(zip(_files(part, column), _labels(part, labels), strict=True))
            if not left:
                return


def _files(batch: pa.RecordBatch, column: str) -> list[bytes | None]:
    if batch.schema.get_field_index(column) >= 0:
        files: list[bytes | None] = batch.column(column).to_pylist()
        return files
    name, _, field = column.rpartition(".")
    return [row and row.get(field) for row in batch.column(name).to_pylist()]


def _labels(batch: pa.RecordBatch, labels: str | None) -> list[str | None]:
    if labels is None:
        return [None] * len(batch)
    return [None if one is None else str(one) for one in batch.column(labels).to_pylist()]


def _is_binary(kind: pa.DataType) -> bool:
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind))


def _is_label(kind: pa.DataType) -> bool:
    return _is_text(kind) or types.is_integer(kind) or (
        types.is_dictionary(kind) and _is_text(kind.value_type)
    )  # fmt: skip
