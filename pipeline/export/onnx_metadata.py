"""The metadata of model.onnx: what a server or an evaluation must know, and nothing of this run.

ONNX keeps strings only: plain words stand as they are, everything else as JSON.
"""

import base64
from collections.abc import Mapping, Sequence
from itertools import zip_longest

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipeline.data.arrays import Dataset, Histogram, Images, Labels, Reference
from pipeline.data.reference import deciles
from pipeline.errors import PipelineError


class MetadataError(PipelineError):
    """An ONNX file without the metadata that export writes."""


class DatasetMark(Struct, frozen=True, kw_only=True):
    name: str
    requested: str
    source: str  # published or fallback
    sha256: str  # Dataset.sha256_of_all
    test_sha256: str


class Answers(Struct, frozen=True, kw_only=True):
    """What the model itself answers to the validation images: drift of answers is told by it."""

    classes: tuple[float, ...]  # share of the images that each class is the answer to
    confidence: Histogram  # of the winning probability


class Statistics(Struct, frozen=True, kw_only=True):
    """Of the training split: normalisation and the histograms against which drift is told."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    reference: Reference
    answers: Answers | None = None


class Golden(Struct, frozen=True, kw_only=True):
    """A few validation images with the probabilities that a sound server must reproduce."""

    images: str  # base64 of the uint8 bytes (n, C, H, W)
    labels: tuple[int, ...]
    probabilities: tuple[tuple[float, ...], ...]


class Metadata(Struct, frozen=True, kw_only=True):
    model_name: str
    net: str
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    dataset: DatasetMark
    params_sha256: str
    parameters: int  # trainable, before folding
    statistics: Statistics
    golden: Golden

    def properties(self) -> dict[str, str]:
        """The metadata_props of the file."""
        return {name: as_text(getattr(self, name)) for name in self.__struct_fields__}


def as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def read(properties: Mapping[str, str], *, name: str) -> Metadata:
    """Typed metadata; raises MetadataError that names the file and the entry."""
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(Metadata):
        text = properties.get(field.name)
        if text is None:
            raise MetadataError(f"{name} has no {field.name!r} in its metadata: {AGAIN}")
        try:
            values[field.name] = (
                text if field.type is str else msgspec.json.decode(text, type=field.type)
            )
        except msgspec.DecodeError as error:
            raise MetadataError(f"{name}: metadata {field.name!r}: {error}: {AGAIN}") from error
    return Metadata(**values)  # type: ignore[arg-type]  # decoded to the field's own type above


AGAIN = "export it again with `dvc repro -f export`"


def mark(dataset: Dataset) -> DatasetMark:
    return DatasetMark(
        name=dataset.name,
        requested=dataset.requested,
        source=dataset.source,
        sha256=dataset.sha256_of_all,
        test_sha256=dataset.sha256.test,
    )


def statistics(dataset: Dataset) -> Statistics:
    return Statistics(mean=dataset.mean, std=dataset.std, reference=dataset.reference)


def answers(probabilities: NDArray[np.float32]) -> Answers:
    count, classes = probabilities.shape
    winners = np.bincount(probabilities.argmax(axis=1), minlength=classes)
    return Answers(
        classes=tuple((winners / count).round(8).tolist()),
        confidence=deciles(probabilities.max(axis=1).astype(np.float64), decimals=4),
    )


def golden(images: Images, labels: Labels, probabilities: NDArray[np.float32]) -> Golden:
    return Golden(
        images=base64.b64encode(np.ascontiguousarray(images).tobytes()).decode(),
        labels=tuple(int(label) for label in labels),
        probabilities=tuple(tuple(float(value) for value in row) for row in probabilities),
    )


def golden_indexes(labels: Labels, *, classes: int, most: int) -> list[int]:
    """The first image of each class in turn, then the second of each, until there are `most`."""
    by_class: Sequence[list[int]] = [
        [int(index) for index in np.flatnonzero(labels == label)[:most]] for label in range(classes)
    ]
    turns = [index for turn in zip_longest(*by_class) for index in turn if index is not None]
    return turns[:most]


def check_data(metadata: Metadata, dataset: Dataset) -> None:
    """Refuse a model of other data than what is prepared."""
    given, expected = metadata.dataset, mark(dataset)
    if given.sha256 != expected.sha256:
        raise MetadataError(
            f"the model was exported for {given.name!r} with sha256 {given.sha256!r}, and the "
            f"prepared data are {expected.name!r} with {expected.sha256!r}: a model is evaluated "
            "on the data it was made for only; run `dvc repro` to train, export and evaluate"
        )
