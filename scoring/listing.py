"""All of INPUT, once, in a file: slices in a fixed order, each with the key that names its part.

A slice ends where the names say so, not after so many: a file that comes or goes moves the borders
beside it and no others, and only those slices are scored again.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import pyarrow as pa

from scoring import storage
from scoring.inputs import Item

SCHEMA = pa.schema(
    [("path", pa.binary()), ("label", pa.string()), ("first", pa.int64()), ("count", pa.int64())]
)
KEY_DIGITS = 16


@dataclass(frozen=True)
class Slice:
    """A run of the listing."""

    index: int  # in the listing's file
    key: str  # of model, rules, parameters and what is known of the items
    pictures: int


def slices(items: Iterator[Item], most: int) -> Iterator[list[Item]]:
    """Between half of `most` pictures and all of them; the last one may be shorter."""
    held: list[Item] = []
    pictures = 0
    for item in items:
        held.append(item)
        pictures += item.count
        is_border = crc32(_encoded(item.path)) % max(1, most // 4) == 0
        if pictures >= most or (2 * pictures >= most and is_border):
            yield held
            held, pictures = [], 0
    if held:
        yield held


def written(path: Path, items: Iterator[Item], *, most: int, job_key: str) -> list[Slice]:
    """Write the listing; equal slices get keys of their own."""
    found: list[Slice] = []
    seen: Counter[str] = Counter()
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, SCHEMA) as writer:
        for index, slice_ in enumerate(slices(items, most)):
            writer.write_batch(_batch(slice_))
            content = _digest(job_key, slice_)
            key = sha256(f"{content} {seen[content]}".encode()).hexdigest()[:KEY_DIGITS]
            seen[content] += 1
            found.append(Slice(index, key, sum(item.count for item in slice_)))
    return found


def read(address: str, index: int) -> list[Item]:
    """One slice of a written listing."""
    system, path = storage.place(address)
    with system.open_input_file(path) as file, pa.ipc.open_file(file) as reader:
        rows = reader.get_batch(index).to_pylist()
    return [
        Item(row["path"].decode("utf-8", "surrogateescape"), "", row["label"],
             row["first"], row["count"])
        for row in rows
    ]  # fmt: skip


def _batch(items: list[Item]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [
            pa.array([_encoded(item.path) for item in items], pa.binary()),
            pa.array([item.label for item in items], pa.string()),
            pa.array([item.first for item in items], pa.int64()),
            pa.array([item.count for item in items], pa.int64()),
        ],
        schema=SCHEMA,
    )


def _digest(job_key: str, items: list[Item]) -> str:
    digest = sha256(job_key.encode())
    for item in items:
        label = "" if item.label is None else f"={item.label}"
        rest = f"\0{item.stamp}\0{label}\0{item.first} {item.count}\n"
        digest.update(_encoded(item.path) + rest.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _encoded(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
