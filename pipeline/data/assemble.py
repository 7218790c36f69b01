"""Official splits → the prepared set: validation cut from training, limits, statistics."""

from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from contract import statistics
from contract.reading.rules import Rules, current
from pipeline.data.arrays import Counts, Dataset, Hashes, Prepared, Slice, Split, sha256_of_split
from pipeline.data.decode import Official
from pipeline.data.raw import Source
from pipeline.data.split import Indices, Purpose, limited, stratified

CURRENT = current()


class About(Protocol):
    """What a set is beside its arrays, as `Official` has it."""

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def files(self) -> dict[str, str]: ...  # name: sha256, of what fetch did not bring

    @property
    def formats(self) -> tuple[str, ...]: ...  # of the picture files


def divide(
    official: Official, *, validation_fraction: float, limit: int | None, seed: int
) -> tuple[Split, Split, Split]:
    """Return (train, val, test). The test split is only ever limited, and gives nothing away."""
    train, val = official.train, official.val
    if val is None:
        rest, chosen = stratified(
            train.labels, official.classes, validation_fraction, Purpose.VALIDATION, seed=seed
        )
        train, val = _take(train, rest), _take(train, chosen)
    train, val, test = (
        _take(split, limited(split.labels, official.classes, limit, seed=seed))
        for split in (train, val, official.test)
    )
    return train, val, test


def describe(  # noqa: PLR0913 - what a data set is made of
    about: About,
    source: Source,
    requested: str,
    splits: tuple[Split, Split, Split],
    feedback: Split | None = None,
    *,
    reading: Rules = CURRENT,
) -> Prepared:
    """`feedback`: the part of what people corrected that is kept for evaluation."""
    train, val, test = splits
    kept = feedback if feedback is not None and len(feedback) else None
    with ThreadPoolExecutor(1) as beside:  # SHA-256 does not hold the interpreter's lock
        hashed = [beside.submit(sha256_of_split, one.images, one.labels) for one in splits]
        counted = statistics.value_counts(train.images)
        reference = statistics.reference(train.images, counted)
    mean, std = statistics.channel_statistics(counted)
    channels, height, width = train.images.shape[1:]
    hashes = [one.result() for one in hashed]
    dataset = Dataset(
        name=about.name,
        requested=requested,
        source=source.source,
        files=source.files or about.files,
        classes=about.classes,
        image_shape=(channels, height, width),
        counts=Counts(train=len(train), val=len(val), test=len(test)),
        sha256=Hashes(train=hashes[0], val=hashes[1], test=hashes[2]),
        mean=mean,
        std=std,
        reference=reference,
        feedback=Slice(count=len(kept), sha256=sha256_of_split(kept.images, kept.labels))
        if kept
        else None,
        reading=reading,
        formats=about.formats,
    )
    return Prepared(dataset, train, val, test, kept)


def _take(split: Split, indices: Indices) -> Split:
    if len(indices) == len(split):
        return split
    return Split(split.images[indices], split.labels[indices])
