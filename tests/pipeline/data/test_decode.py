"""Every published format is read as torchvision reads it, from tiny files of the true layout."""

import gzip
import io
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.files import write_bytes
from pipeline.config import EmnistSplit
from pipeline.data import datasets, decode, obtain
from pipeline.data.arrays import Split

GENERATOR = np.random.default_rng(0)


def to_idx(array: NDArray[Any]) -> bytes:
    """IDX as the publisher describes it: magic number, sizes, values, all big-endian."""
    code = {"uint8": 8, "int32": 12}[str(array.dtype)]
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def make_images(count: int) -> NDArray[np.uint8]:
    return GENERATOR.integers(0, 256, (count, 28, 28), dtype=np.uint8)


def write_gz(path: Path, array: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(to_idx(array)))


def make_mnist(folder: Path) -> None:
    for part, count in (("train", 20), ("t10k", 10)):
        write_gz(folder / f"{part}-images-idx3-ubyte.gz", make_images(count))
        labels = np.arange(count, dtype=np.uint8) % 10
        write_gz(folder / f"{part}-labels-idx1-ubyte.gz", labels)


def unpack_gz(folder: Path, into: Path) -> None:
    """Only unpacked files are read by torchvision."""
    into.mkdir(parents=True)
    for file in folder.glob("*.gz"):
        (into / file.stem).write_bytes(gzip.decompress(file.read_bytes()))


def assert_equal(split: Split, images: Any, labels: Any) -> None:  # noqa: ANN401 - torch's or NumPy's
    assert split.images.dtype == np.uint8
    assert split.labels.dtype == np.int64
    assert np.array_equal(split.images, np.asarray(images))
    assert np.array_equal(split.labels, np.asarray(labels))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist"])
def test_the_mnist_family_is_read_as_torchvision_reads_it(name: str, tmp_path: Path) -> None:
    """Images, labels and official splits agree."""
    from torchvision.datasets import MNIST  # noqa: PLC0415 - seconds

    make_mnist(tmp_path / name)
    unpack_gz(tmp_path / name, tmp_path / "MNIST/raw")
    official = decode.decode(tmp_path / name, name, "balanced")
    assert official.name == name
    for split, train in ((official.train, True), (official.test, False)):
        theirs = MNIST(tmp_path, train=train)
        assert_equal(split, theirs.data[:, None], theirs.targets)


def test_qmnist_is_read_as_torchvision_reads_it(tmp_path: Path) -> None:
    """The class is the first of the labels' eight columns."""
    from torchvision.datasets import QMNIST  # noqa: PLC0415 - seconds

    for part, count in (("train", 20), ("test", 10)):
        labels = GENERATOR.integers(0, 3000, (count, 8), dtype=np.int32)
        labels[:, 0] = np.arange(count) % 10
        write_gz(tmp_path / f"qmnist/qmnist-{part}-images-idx3-ubyte.gz", make_images(count))
        write_gz(tmp_path / f"qmnist/qmnist-{part}-labels-idx2-int.gz", labels)
    unpack_gz(tmp_path / "qmnist", tmp_path / "QMNIST/raw")
    official = decode.decode(tmp_path / "qmnist", "qmnist", "balanced")
    for split, train in ((official.train, True), (official.test, False)):
        theirs = QMNIST(tmp_path, train=train)
        assert_equal(split, theirs.data[:, None], theirs.targets[:, 0])


@pytest.mark.parametrize("split", ["balanced", "letters", "digits"])
def test_emnist_is_read_as_torchvision_reads_it_and_turned_upright(
    split: EmnistSplit, tmp_path: Path
) -> None:
    """The file holds images by columns; the letters count from 1, and here from 0."""
    from torchvision.datasets import EMNIST  # noqa: PLC0415 - seconds

    first = 1 if split == "letters" else 0
    classes = len(datasets.kind("emnist", split).classes)
    (tmp_path / "emnist").mkdir()
    with zipfile.ZipFile(tmp_path / "emnist/gzip.zip", "w") as archive:
        for part in ("train", "test"):
            labels = (np.arange(classes) + first).astype(np.uint8)
            stem = f"gzip/emnist-{split}-{part}"
            images = gzip.compress(to_idx(make_images(classes)))
            archive.writestr(f"{stem}-images-idx3-ubyte.gz", images)
            archive.writestr(f"{stem}-labels-idx1-ubyte.gz", gzip.compress(to_idx(labels)))
    with zipfile.ZipFile(tmp_path / "emnist/gzip.zip") as archive:
        archive.extractall(tmp_path)  # noqa: S202 - the archive is ours
    unpack_gz(tmp_path / "gzip", tmp_path / "EMNIST/raw")
    official = decode.decode(tmp_path / "emnist", "emnist", split)
    assert official.name == f"emnist_{split}"
    for ours, train in ((official.train, True), (official.test, False)):
        theirs = EMNIST(tmp_path, split=split, train=train)
        assert_equal(ours, theirs.data[:, None].swapaxes(2, 3), theirs.targets - first)
        names = [theirs.classes[target] for target in theirs.targets]
        assert [official.classes[label] for label in ours.labels] == names


def make_cifar10(folder: Path) -> None:
    """The layout of cifar-10-python.tar.gz, its pickles by protocol 2."""
    folder.mkdir()
    members: dict[str, dict[str, object]] = {
        "batches.meta": {"label_names": list(datasets.PUBLISHED["cifar10"].classes)}
    }
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        pixels = GENERATOR.integers(0, 256, (10, 3072), dtype=np.uint8)
        members[name] = {"data": pixels, "labels": list(range(10)), "batch_label": name}
    with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            payload = pickle.dumps(content, protocol=2)
            member.size = len(payload)
            archive.addfile(member, io.BytesIO(payload))


def test_cifar10_is_read_as_torchvision_reads_it(tmp_path: Path) -> None:
    """Five training batches in order, one test batch, channels first."""
    from torchvision.datasets import CIFAR10  # noqa: PLC0415 - seconds

    class Unchecked(CIFAR10):  # type: ignore[misc]  # torchvision has no types
        """Ours are not the published bytes."""

        train_list = tuple((name, None) for name, _ in CIFAR10.train_list)
        test_list = (("test_batch", None),)
        meta = CIFAR10.meta | {"md5": None}

    make_cifar10(tmp_path / "cifar10")
    with tarfile.open(tmp_path / "cifar10/cifar-10-python.tar.gz") as archive:
        for name in archive.getnames():
            content = archive.extractfile(name)
            assert content is not None
            write_bytes(tmp_path / name, content.read())
    official = decode.decode(tmp_path / "cifar10", "cifar10", "balanced")
    for split, train in ((official.train, True), (official.test, False)):
        theirs = Unchecked(tmp_path, train=train)
        assert_equal(split, theirs.data.transpose(0, 3, 1, 2), theirs.targets)
        assert list(official.classes) == theirs.classes


def test_a_pickle_that_calls_something_is_refused(tmp_path: Path) -> None:
    """Only what an array is made of may be asked for."""
    (tmp_path / "cifar10").mkdir()
    payload = b"cposix\nsystem\n(S'false'\ntR."
    member = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
    member.size = len(payload)
    with tarfile.open(tmp_path / "cifar10/cifar-10-python.tar.gz", "w:gz") as archive:
        archive.addfile(member, io.BytesIO(payload))
    with pytest.raises(decode.DecodeError, match=r"it asks for posix\.system"):
        decode.decode(tmp_path / "cifar10", "cifar10", "balanced")


def test_the_digits_are_scikit_learns(tmp_path: Path) -> None:
    """Same images, 0-16 stretched to 0-255; each class gives a fifth to the test split."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - seconds

    obtain.obtain(tmp_path, "digits", (), fallback=None)
    official = decode.decode(tmp_path / "digits", "digits", "balanced")
    theirs = load_digits()
    ours = np.concatenate([official.train.images, official.test.images]).reshape(-1, 64)
    stretched = np.floor(theirs.data * 255 / 16 + 0.5).astype(np.uint8)
    assert np.array_equal(np.unique(ours, axis=0), np.unique(stretched, axis=0))
    assert (len(official.train), len(official.test)) == (1438, 359)
    of_test = np.bincount(official.test.labels) / np.bincount(theirs.target)
    assert np.allclose(of_test, 0.2, atol=0.005)


def test_an_idx_of_the_wrong_length_is_refused() -> None:
    """The sizes it announces and the bytes that follow must agree."""
    content = to_idx(make_images(2))
    for wrong in (content[:-1], content + b"x", content[:7], b"PK\3\4", b""):
        with pytest.raises(ValueError, match="IDX"):
            decode.idx(wrong)


def test_files_of_another_layout_are_named(tmp_path: Path) -> None:
    """A missing member, a wrong shape or label ends in an error, not in training."""
    make_mnist(tmp_path)
    write_gz(tmp_path / "t10k-labels-idx1-ubyte.gz", np.full(10, 10, np.uint8))
    with pytest.raises(decode.DecodeError, match="labels go from 10 to 10, and 0 to 9"):
        decode.decode(tmp_path, "mnist", "balanced")
    write_gz(tmp_path / "t10k-labels-idx1-ubyte.gz", np.zeros(9, np.uint8))
    with pytest.raises(decode.DecodeError, match="10 images and 9 labels"):
        decode.decode(tmp_path, "mnist", "balanced")
    write_gz(tmp_path / "train-images-idx3-ubyte.gz", np.zeros((20, 27, 28), np.uint8))
    with pytest.raises(decode.DecodeError, match=r"uint8 \[1, 27, 28\]"):
        decode.decode(tmp_path, "mnist", "balanced")
    (tmp_path / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(decode.DecodeError, match="cannot be read as mnist"):
        decode.decode(tmp_path, "mnist", "balanced")
