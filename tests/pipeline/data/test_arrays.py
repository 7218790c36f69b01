"""The prepared format is written whole, read back checked, and refused when it is damaged."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pipeline.data import arrays
from pipeline.data.arrays import Counts, Dataset, Hashes, Histogram, Prepared, Reference, Split

FLAT = Histogram(edges=(0.0, 1.0), fractions=(1.0,))


def make_split(count: int, seed: int) -> Split:
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, 1, 4, 4), dtype=np.uint8)
    return Split(images, generator.integers(0, 2, count))


def make_prepared(seed: int = 0) -> Prepared:
    splits = [make_split(count, seed + index) for index, count in enumerate((6, 3, 4))]
    hashes = [arrays.sha256_of_split(split.images, split.labels) for split in splits]
    dataset = Dataset(
        name="mnist",
        requested="mnist",
        source="published",
        files={"a.gz": "0" * 64},
        classes=("0", "1"),
        image_shape=(1, 4, 4),
        counts=Counts(train=6, val=3, test=4),
        sha256=Hashes(train=hashes[0], val=hashes[1], test=hashes[2]),
        mean=(0.5,),
        std=(0.25,),
        reference=Reference(intensity=FLAT, ink_mass=FLAT, centre_row=FLAT, centre_column=FLAT),
    )
    return Prepared(dataset, *splits)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    """Arrays and dataset.json survive the way to the disk; the arrays are memory maps."""
    prepared = make_prepared()
    arrays.save(tmp_path / "prepared", prepared)
    loaded = arrays.load(tmp_path / "prepared")
    assert loaded.dataset == prepared.dataset
    for (_, ours), (_, theirs) in zip(loaded.splits(), prepared.splits(), strict=True):
        assert isinstance(ours.images, np.memmap)
        assert np.array_equal(ours.images, theirs.images)
        assert np.array_equal(ours.labels, theirs.labels)


def test_dataset_json_has_sorted_keys(tmp_path: Path) -> None:
    """Equal content gives equal bytes: the keys are sorted."""
    arrays.save(tmp_path / "prepared", make_prepared())
    keys = list(json.loads((tmp_path / "prepared/dataset.json").read_text()))
    assert keys == sorted(keys)


def test_saving_again_replaces_the_whole_folder(tmp_path: Path) -> None:
    """A file that the new set lacks is gone, and nothing temporary stays beside."""
    folder = tmp_path / "prepared"
    arrays.save(folder, make_prepared())
    (folder / "stray").write_text("x")
    (tmp_path / ".prepared.new").mkdir()
    arrays.save(folder, make_prepared(seed=9))
    assert not (folder / "stray").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["prepared"]


def test_writing_into_a_map_leaves_the_file_alone(tmp_path: Path) -> None:
    """The maps are writable for torch's sake, copy-on-write for the file's."""
    arrays.save(tmp_path / "prepared", make_prepared())
    arrays.load(tmp_path / "prepared").train.images[:] = 0
    assert arrays.load(tmp_path / "prepared").train.images.any()


def test_a_changed_byte_is_refused(tmp_path: Path) -> None:
    """A corrupted cache object is checked out without a word by DVC; loading notices."""
    arrays.save(tmp_path / "prepared", make_prepared())
    path = tmp_path / "prepared/val_images.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(arrays.PreparedError, match=r"val_\*\.npy is damaged: sha256"):
        arrays.load(tmp_path / "prepared")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    """Half an array names its file."""
    arrays.save(tmp_path / "prepared", make_prepared())
    path = tmp_path / "prepared/test_labels.npy"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(arrays.PreparedError, match=r"test_labels\.npy is damaged"):
        arrays.load(tmp_path / "prepared")


def test_an_array_of_another_shape_is_refused(tmp_path: Path) -> None:
    """What came and what was expected stand in the message."""
    arrays.save(tmp_path / "prepared", make_prepared())
    np.save(tmp_path / "prepared/train_images.npy", np.zeros((6, 1, 5, 4), np.uint8))
    with pytest.raises(
        arrays.PreparedError, match=r"uint8 \[6, 1, 5, 4\], and uint8 \[6, 1, 4, 4\]"
    ):
        arrays.load(tmp_path / "prepared")


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    """The command that makes it is named."""
    with pytest.raises(arrays.PreparedError, match="dvc repro prepare"):
        arrays.load(tmp_path / "prepared")


def test_the_identity_ignores_where_the_data_came_from() -> None:
    """Name, source and raw files do not count; classes, statistics and arrays do."""
    dataset = make_prepared().dataset
    moved = msgspec.structs.replace(dataset, name="x", requested="y", source="fallback", files={})
    assert moved.sha256_of_all == dataset.sha256_of_all
    for change in (
        {"classes": ("0", "2")},
        {"mean": (0.4,)},
        {"sha256": Hashes(train="a", val="b", test="c")},
    ):
        assert msgspec.structs.replace(dataset, **change).sha256_of_all != dataset.sha256_of_all
