"""The prepared format: memory-mapped images and labels; dataset.json says what they are."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract.arrays import Images, Labels
from contract.files import sha256_of_json, write_json
from contract.reading.rules import Rules, current
from contract.statistics import Reference
from pipeline.data import ranges
from pipeline.errors import PipelineError

SPLITS = ("train", "val", "test")
FEEDBACK = "feedback"
DATASET_JSON = "dataset.json"


class PreparedError(PipelineError):
    """The prepared folder is missing, torn or not what its dataset.json says."""


class Counts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    train: int
    val: int
    test: int


class Hashes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    train: str
    val: str
    test: str


class Slice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    count: int
    sha256: str


class Dataset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of dataset.json."""

    name: str  # what the arrays are
    requested: str  # what params.yaml asked for: differs from name only in a fallback
    source: Literal["published", "fallback"]
    files: dict[str, str]  # raw file name: sha256
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]  # (C, H, W)
    counts: Counts
    sha256: Hashes  # of images and labels
    mean: tuple[float, ...]  # (C,) of the training split, on the 0-1 scale
    std: tuple[float, ...]  # (C,) likewise
    reference: Reference
    feedback: Slice | None = None  # images that people corrected, kept for evaluation
    reading: Rules = current()  # how its pictures were read, and a server must read others
    formats: tuple[str, ...] = ()  # of the picture files that it was read from

    @property
    def sha256_of_all(self) -> str:
        """Identity of what a model learns from: equal however the data came here."""
        parts = (self.classes, self.image_shape, self.mean, self.std, self.reference, self.sha256)
        return sha256_of_json(msgspec.to_builtins(parts))


@dataclass(frozen=True)
class Split:
    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Prepared:
    dataset: Dataset
    train: Split
    val: Split
    test: Split
    feedback: Split | None = None

    def splits(self) -> Iterator[tuple[str, Split]]:
        yield from zip(SPLITS, (self.train, self.val, self.test), strict=True)
        if self.feedback is not None:
            yield FEEDBACK, self.feedback


def sha256_of_split(images: Images, labels: Labels) -> str:
    digest = hashlib.sha256(f"{images.shape} uint8, int64 little-endian".encode())
    digest.update(np.ascontiguousarray(images).data)
    digest.update(np.ascontiguousarray(labels, dtype="<i8").data)
    return digest.hexdigest()


def save(folder: Path, prepared: Prepared) -> None:
    """Replace `folder` as a whole: a reader finds the old set, none, or the new one."""
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name, split in prepared.splits():
        np.save(fresh / f"{name}_images.npy", split.images)
    publish(fresh, folder, prepared)


def publish(fresh: Path, folder: Path, prepared: Prepared) -> None:
    """Complete `fresh`, which holds the images, and rename it to `folder`."""
    for name, split in prepared.splits():
        np.save(fresh / f"{name}_labels.npy", split.labels)
        if split.images.nbytes > ranges.LARGE_BYTES:
            sha256 = _slice(prepared.dataset, name).sha256
            ranges.write(fresh / f"{name}_ranges.json", split.images, split.labels, sha256)
    write_json(fresh / DATASET_JSON, msgspec.to_builtins(prepared.dataset))
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def load(folder: Path, *, thorough: bool = False) -> Prepared:
    """Map the arrays into memory and compare them with dataset.json, contents included.

    Of a large split the sizes and a sample of its images are compared, unless it is `thorough`.
    The maps are copy-on-write: torch takes them without a warning, and the files stay as they are.
    Raises PreparedError that names the file and says what to do.
    """
    dataset = load_dataset(folder)
    names = [*SPLITS, *([FEEDBACK] if dataset.feedback else [])]
    train, val, test, *feedback = (
        _load_split(folder, name, dataset, thorough=thorough) for name in names
    )
    return Prepared(dataset, train, val, test, *feedback)


def _slice(dataset: Dataset, name: str) -> Slice:
    if name == FEEDBACK and dataset.feedback:
        return dataset.feedback
    return Slice(count=getattr(dataset.counts, name), sha256=getattr(dataset.sha256, name))


def load_dataset(folder: Path) -> Dataset:
    path = folder / DATASET_JSON
    try:
        return msgspec.json.decode(path.read_bytes(), type=Dataset)
    except FileNotFoundError as error:
        raise PreparedError(f"{path} does not exist: run `dvc repro prepare`") from error
    except msgspec.DecodeError as error:
        raise _broken(path, str(error)) from error


def _load_split(folder: Path, name: str, dataset: Dataset, *, thorough: bool) -> Split:
    known = _slice(dataset, name)
    images = _load_array(
        folder / f"{name}_images.npy", np.uint8, (known.count, *dataset.image_shape)
    )
    labels = _load_array(folder / f"{name}_labels.npy", np.int64, (known.count,))
    if images.nbytes > ranges.LARGE_BYTES and not thorough:
        wrong = ranges.wrong(folder / f"{name}_ranges.json", images, labels, known.sha256)
    else:
        found = sha256_of_split(images, labels)
        is_known = found == known.sha256
        wrong = None if is_known else f"sha256 {found}, and {known.sha256} is expected"
    if wrong:
        raise _broken(folder / f"{name}_*.npy", wrong)
    return Split(images, labels)


def _load_array(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="c")
    except (OSError, ValueError, EOFError) as error:
        raise _broken(path, str(error)) from error
    if array.dtype != dtype or array.shape != shape:
        expected = f"{np.dtype(dtype)} {list(shape)}"
        raise _broken(path, f"{array.dtype} {list(array.shape)}, and {expected} is expected")
    return array


def _broken(path: Path, what: str) -> PreparedError:
    return PreparedError(f"{path} is damaged: {what}; make it again with `dvc repro -f -s prepare`")
