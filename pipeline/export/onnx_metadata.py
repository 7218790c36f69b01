"""The metadata of model.onnx, out of a data set and a net; and whether a file's fit the data."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import numpy as np

from contract import metadata as contract_metadata
from contract.arrays import Labels, Probabilities
from contract.metadata import Answers, DatasetMark, Metadata, Statistics
from contract.reading.errors import RulesError
from contract.statistics import Histogram, deciles
from pipeline.data.arrays import Dataset
from pipeline.errors import PipelineError


class MetadataError(PipelineError):
    """An ONNX file without the metadata that export writes."""


def read(properties: Mapping[str, str], *, name: str) -> Metadata:
    """Typed metadata; raises MetadataError that names the file and the entry."""
    try:
        return contract_metadata.read(properties)
    except (contract_metadata.MetadataError, RulesError) as error:
        raise MetadataError(f"{name}: {error}: export it with `dvc repro -f export`") from error


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


def answers(probabilities: Probabilities, unknown: Histogram | None = None) -> Answers:
    count, classes = probabilities.shape
    winners = np.bincount(probabilities.argmax(axis=1), minlength=classes)
    return Answers(
        classes=tuple((winners / count).round(8).tolist()),
        confidence=deciles(probabilities.max(axis=1).astype(np.float64), decimals=4),
        unknown=unknown,
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
