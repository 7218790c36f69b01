"""Hashes of ranges of rows: a large split is checked by a sample of them when it is loaded."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract import granted
from contract.files import write_json

LARGE_BYTES = 256 << 20  # smaller splits are hashed as a whole at every loading
RANGE_BYTES = 16 << 20
SAMPLED = 16  # ranges, evenly spread, the first and the last among them


class Ranges(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of SPLIT_ranges.json."""

    split: str  # sha256 of the whole, as dataset.json has it
    labels: str  # sha256
    rows: int  # of images in each range, but for the last
    images: tuple[str, ...]  # sha256 of each range


def write(path: Path, images: NDArray[np.uint8], labels: NDArray[np.int64], split: str) -> None:
    rows = max(RANGE_BYTES // images[0].nbytes, 1)
    parts = (images[at : at + rows] for at in range(0, len(images), rows))
    with ThreadPoolExecutor(granted.cores()) as pool:
        hashes = tuple(pool.map(_sha256, parts))
    found = Ranges(split=split, labels=_sha256(labels), rows=rows, images=hashes)
    write_json(path, msgspec.to_builtins(found))


def wrong(
    path: Path, images: NDArray[np.uint8], labels: NDArray[np.int64], split: str
) -> str | None:
    """What a sample shows to be damaged, if anything."""
    try:
        known = msgspec.json.decode(path.read_bytes(), type=Ranges)
    except (OSError, msgspec.DecodeError) as error:
        return f"{path.name}: {error}"
    if known.split != split:
        return f"{path.name} is of a split with sha256 {known.split}, and {split} is expected"
    if _sha256(labels) != known.labels:
        return f"the labels have sha256 {_sha256(labels)}, and {known.labels} is expected"
    for number in _sample(len(known.images)):
        first = number * known.rows
        if _sha256(images[first : first + known.rows]) != known.images[number]:
            return f"rows {first:,} to {first + known.rows - 1:,} have another sha256"
    return None


def _sample(ranges: int) -> Iterator[int]:
    yield from sorted(set(np.linspace(0, ranges - 1, min(ranges, SAMPLED)).round().astype(int)))


def _sha256(values: NDArray[np.uint8] | NDArray[np.int64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()
