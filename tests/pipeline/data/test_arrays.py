"""The prepared format is written whole, read back checked, and refused when it is damaged."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from contract.statistics import Histogram, Reference
from pipeline.data import arrays, ranges, verify
from pipeline.data.arrays import Counts, Dataset, Hashes, Prepared, Split

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


def large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A prepared set whose every split counts as large, in ranges of one image."""
    monkeypatch.setattr(ranges, "LARGE_BYTES", 0)
    monkeypatch.setattr(ranges, "RANGE_BYTES", 16)
    monkeypatch.setattr(ranges, "SAMPLED", 3)
    arrays.save(folder, make_prepared())
    return folder


def spoil(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_large_split_is_checked_by_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first, middle and last range; what lies between is found when all is compared."""
    folder = large(tmp_path / "prepared", monkeypatch)
    assert arrays.load(folder).dataset == make_prepared().dataset
    spoil(folder / "train_images.npy", 128 + 1 * 16)  # the second image of six
    arrays.load(folder)
    with pytest.raises(arrays.PreparedError, match=r"train_\*\.npy is damaged: sha256"):
        arrays.load(folder, thorough=True)
    spoil(folder / "train_images.npy", -1)
    with pytest.raises(arrays.PreparedError, match="rows 5 to 5 have another sha256"):
        arrays.load(folder)


@pytest.mark.parametrize(
    ("harm", "message"),
    [("labels", "the labels have sha256"), ("ranges", "No such file"), ("split", "is of a split")],
)
def test_a_large_split_that_does_not_fit_its_ranges(
    harm: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels are compared whole; the ranges must be there, and of this split."""
    folder = large(tmp_path / "prepared", monkeypatch)
    if harm == "labels":
        spoil(folder / "val_labels.npy", -8)
    elif harm == "ranges":
        (folder / "val_ranges.json").unlink()
    else:
        (folder / "test_ranges.json").replace(folder / "val_ranges.json")
    with pytest.raises(arrays.PreparedError, match=message):
        arrays.load(folder)


def test_verify_compares_every_byte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so for each split, or which file is damaged."""
    folder = tmp_path / "prepared"
    arrays.save(folder, make_prepared())
    verify.main(["--prepared", str(folder)])
    assert "6 train images are what dataset.json says" in capsys.readouterr().out
    spoil(folder / "test_images.npy", -1)
    with pytest.raises(SystemExit, match=r"error: .*test_\*\.npy is damaged"):
        verify.main(["--prepared", str(folder)])
