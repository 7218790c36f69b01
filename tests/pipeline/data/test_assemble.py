"""The prepared set is cut out of the official splits, and the test split gives nothing away."""

import numpy as np

from contract.reading.rules import current
from pipeline.data import assemble
from pipeline.data.arrays import Split
from pipeline.data.decode import Official
from pipeline.data.raw import Source

CLASSES = ("a", "b")


def make_split(count: int, first: int) -> Split:
    """Images that all differ: each holds its number."""
    numbers = np.arange(first, first + count, dtype=np.uint32)
    images = np.zeros((count, 1, 8, 8), np.uint8)
    images[:, 0, 0, :4] = numbers.view(np.uint8).reshape(-1, 4)
    return Split(images, numbers.astype(np.int64) % 2)


def make_official(val: Split | None = None) -> Official:
    return Official("mnist", CLASSES, make_split(1000, 0), make_split(300, 5000), val)


def divide(
    official: Official, limit: int | None = None, seed: int = 0
) -> tuple[Split, Split, Split]:
    return assemble.divide(official, validation_fraction=0.1, limit=limit, seed=seed)


def pictures(split: Split) -> set[bytes]:
    return {image.tobytes() for image in split.images}


def test_no_image_stands_in_two_splits() -> None:
    """Training and validation are the official training split; test is the official test."""
    official = make_official()
    train, val, test = map(pictures, divide(official))
    assert not train & val
    assert train | val == pictures(official.train)
    assert test == pictures(official.test)
    assert not test & (train | val)


def test_limits_only_take_away() -> None:
    """Each split of a quick run is a part of the full run's, and the test split of any seed's."""
    full = divide(make_official())
    quick = divide(make_official(), limit=50)
    for small, large in zip(quick, full, strict=True):
        assert len(small) == 50
        assert pictures(small) <= pictures(large)
        assert np.bincount(small.labels).tolist() == [25, 25]


def test_the_seed_moves_validation_and_never_the_test_split() -> None:
    """Two models of different seeds are still measured on the same images."""
    _, val, test = divide(make_official(), seed=1)
    _, other_val, other_test = divide(make_official(), seed=2)
    assert pictures(val) != pictures(other_val)
    assert np.array_equal(test.images, other_test.images)


def test_a_given_validation_split_is_taken() -> None:
    """Then training stays whole."""
    given = make_split(20, 9000)
    train, val, _ = divide(make_official(given))
    assert (len(train), len(val)) == (1000, 20)


def test_the_description_counts_and_hashes_what_is_there() -> None:
    """Mean and reference come from the training split alone."""
    official = make_official()
    splits = divide(official)
    source = Source(name="mnist", requested="mnist", source="published", files={"a.gz": "0"})
    dataset = assemble.describe(official, source, "mnist", splits, reading=current()).dataset
    assert (dataset.counts.train, dataset.counts.val, dataset.counts.test) == (900, 100, 300)
    assert dataset.image_shape == (1, 8, 8)
    assert np.isclose(dataset.mean[0], splits[0].images.mean() / 255)
    other_test = (splits[0], splits[1], splits[0])
    other = assemble.describe(official, source, "mnist", other_test, reading=current()).dataset
    assert (other.mean, other.reference, other.sha256.train) == (
        dataset.mean,
        dataset.reference,
        dataset.sha256.train,
    )
    assert other.sha256.test != dataset.sha256.test
