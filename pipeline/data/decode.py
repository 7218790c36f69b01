"""Published files → uint8 images and labels of the official splits, unpacked in memory only."""

import gzip
import io
import math
import pickle
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Labels
from pipeline.config import EmnistSplit
from pipeline.data import datasets
from pipeline.data.arrays import Split
from pipeline.data.split import Purpose, stratified
from pipeline.errors import PipelineError

DIGITS_TEST_FRACTION = 0.2
DIGITS_SEED = 0


class DecodeError(PipelineError):
    """A file is not what its format says."""


@dataclass(frozen=True)
class Official:
    """A data set as its publisher splits it; `val` only where pictures come with one."""

    name: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    val: Split | None = None
    files: dict[str, str] = field(default_factory=dict)  # name: sha256, of what fetch did not bring
    formats: tuple[str, ...] = ()  # of the picture files that training's images come from


def decode(folder: Path, dataset: str, emnist_split: EmnistSplit) -> Official:
    """Read the files below data/raw/<dataset>; raises DecodeError that names the file."""
    kind = datasets.kind(dataset, emnist_split)
    try:
        train, test = _read(folder, dataset, emnist_split)
    except (OSError, EOFError, KeyError, ValueError, pickle.PickleError, zipfile.BadZipFile,
            tarfile.TarError) as error:  # fmt: skip
        raise DecodeError(f"{folder} cannot be read as {dataset}: {error}") from error
    for split in (train, test):
        _check(split, kind, folder)
    return Official(datasets.title(dataset, emnist_split), kind.classes, train, test)


def _read(folder: Path, dataset: str, emnist_split: EmnistSplit) -> tuple[Split, Split]:
    match dataset:
        case "emnist":
            return _emnist(folder / "gzip.zip", emnist_split)
        case "qmnist":
            return _qmnist(folder)
        case "cifar10":
            return _cifar10(folder / "cifar-10-python.tar.gz")
        case "digits":
            return _digits(folder / "digits.csv.gz")
        case _:
            return _mnist(folder)


def idx(content: bytes) -> NDArray[Any]:
    """An array in IDX: 0, 0, type, dimensions; big-endian sizes; big-endian values."""
    types = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in types:  # noqa: PLR2004 - the magic number
        raise ValueError(f"the bytes begin with {content[:4]!r}, which is no IDX magic number")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise ValueError(f"IDX of {content[3]} dimensions ends after {len(content)} bytes")
    shape = np.frombuffer(content[4:start], ">u4").tolist()
    dtype = np.dtype(types[content[2]])
    expected = math.prod(shape) * dtype.itemsize
    if len(content) - start != expected:
        raise ValueError(f"IDX of shape {shape} needs {expected} bytes, not {len(content) - start}")
    return np.frombuffer(content, dtype, offset=start).reshape(shape)


def _mnist(folder: Path) -> tuple[Split, Split]:
    train, test = (
        _grey(
            idx(gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes())),
            idx(gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes())),
        )
        for part in ("train", "t10k")
    )
    return train, test


def _qmnist(folder: Path) -> tuple[Split, Split]:
    """Labels have eight columns; the first is the digit (Yadav and Bottou, 2019)."""
    train, test = (
        _grey(
            idx(gzip.decompress((folder / f"qmnist-{part}-images-idx3-ubyte.gz").read_bytes())),
            idx(gzip.decompress((folder / f"qmnist-{part}-labels-idx2-int.gz").read_bytes()))[:, 0],
        )
        for part in ("train", "test")
    )
    return train, test


def _emnist(archive: Path, split: EmnistSplit) -> tuple[Split, Split]:
    """EMNIST is stored by columns: turned here, so that a letter stands upright."""
    first = 1 if split == "letters" else 0  # the letters count from 1
    with zipfile.ZipFile(archive) as members:

        def read(part: str, kind: str) -> NDArray[Any]:
            name = f"gzip/emnist-{split}-{part}-{kind}-ubyte.gz"
            return idx(gzip.decompress(members.read(name)))

        train, test = (
            _grey(
                read(part, "images-idx3").swapaxes(1, 2),
                read(part, "labels-idx1").astype(np.int64) - first,
            )
            for part in ("train", "test")
        )
    return train, test


def _cifar10(archive: Path) -> tuple[Split, Split]:
    batches: dict[str, tuple[NDArray[Any], Labels]] = {}
    with tarfile.open(archive, "r|gz") as members:
        for member in members:
            name = Path(member.name).name
            if name.startswith(("data_batch_", "test_batch")) and (
                file := members.extractfile(member)
            ):
                batches[name] = _cifar_batch(file.read())
    train = [batches[f"data_batch_{number}"] for number in range(1, 6)]
    images, labels = (np.concatenate(column) for column in zip(*train, strict=True))
    return Split(images, labels), Split(*batches["test_batch"])


def _cifar_batch(content: bytes) -> tuple[NDArray[Any], Labels]:
    batch = _ArrayUnpickler(io.BytesIO(content), encoding="latin1").load()
    return batch["data"].reshape(-1, 3, 32, 32), np.asarray(batch["labels"], np.int64)


class _ArrayUnpickler(pickle.Unpickler):
    """A pickle may call anything; CIFAR's needs these."""

    def find_class(self, module: str, name: str) -> object:
        known: dict[str, object] = {
            "_reconstruct": np.zeros(0).__reduce__()[0],
            "ndarray": np.ndarray,
            "dtype": np.dtype,
            "encode": str.encode,
        }
        if module.partition(".")[0] not in ("numpy", "_codecs") or name not in known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return known[name]


def _digits(file: Path) -> tuple[Split, Split]:
    """scikit-learn's copy has no official split: one fifth of each class is the test split here.

    It never depends on the parameters, so that any two models of the digits are comparable.
    """
    rows = np.loadtxt(io.StringIO(gzip.decompress(file.read_bytes()).decode()), delimiter=",")
    pixels, labels = rows[:, :-1].astype(np.int64), rows[:, -1].astype(np.int64)
    images = ((pixels * 255 + 8) // 16).astype(np.uint8).reshape(-1, 1, 8, 8)  # 0-16 to 0-255
    classes = datasets.PUBLISHED["digits"].classes
    train, test = stratified(labels, classes, DIGITS_TEST_FRACTION, Purpose.TEST, seed=DIGITS_SEED)
    return Split(images[train], labels[train]), Split(images[test], labels[test])


def _grey(images: NDArray[Any], labels: NDArray[Any]) -> Split:
    """(N, H, W) to (N, 1, H, W)."""
    return Split(np.ascontiguousarray(images[:, None]), labels.astype(np.int64))


def _check(split: Split, kind: datasets.Kind, folder: Path) -> None:
    images, labels = split.images, split.labels
    if images.dtype != np.uint8 or images.shape[1:] != kind.image_shape:
        came = f"{images.dtype} {list(images.shape[1:])}"
        raise DecodeError(
            f"{folder}: images are {came}, and uint8 {list(kind.image_shape)} is expected"
        )
    if len(images) != len(labels) or not len(labels):
        raise DecodeError(f"{folder}: {len(images)} images and {len(labels)} labels")
    if labels.min() < 0 or labels.max() >= len(kind.classes):
        raise DecodeError(
            f"{folder}: labels go from {labels.min()} to {labels.max()}, "
            f"and 0 to {len(kind.classes) - 1} is expected"
        )
