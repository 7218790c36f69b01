"""What a model's file says of itself: written by export, read wherever the model runs.

Nothing in it is of one run only. ONNX keeps strings: plain words stand as they are, all else as
JSON.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import FieldInfo, fields, replace

from contract.arrays import Familiarities, Images, Labels, Probabilities
from contract.reading.probes import Probes
from contract.reading.rules import BEFORE, Rules, decoded
from contract.statistics import Histogram, Reference

_DIGITS = (1, 28, 28)  # what rules from before they were written down took for digits


class MetadataError(Exception):
    """An ONNX file without the metadata that export writes; the text goes on after its name."""


class DatasetMark(Struct, frozen=True, kw_only=True):
    """What the model was trained on; `name` differs from `requested` after a fallback."""

    name: str
    requested: str
    source: str  # published or fallback
    sha256: str  # of all that a model learns from
    test_sha256: str


class Answers(Struct, frozen=True, kw_only=True):
    """The model's own answers to the validation images: their drift is measured against these."""

    classes: tuple[float, ...]  # share of the images that each class is the answer to
    confidence: Histogram  # of the winning probability
    unknown: Histogram | None = None  # familiarity below and above what `known` takes


class Statistics(Struct, frozen=True, kw_only=True):
    """Of the training split: normalisation and the histograms against which drift is measured."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    reference: Reference | None = None  # None: not known, so that nothing is watched
    answers: Answers | None = None

    @property
    def is_bright(self) -> bool:
        """Whether pixels lie above the first bin of intensity; False where that is not known."""
        return self.reference is not None and sum(self.reference.intensity.fractions[1:]) > 0


class Familiarity(Struct, frozen=True, kw_only=True):
    """How to read the output `familiarity`: a quantile of the validation split's own."""

    method: str  # name and version of the formula in the graph: docs/familiarity.md
    kept: float  # share of the validation images that are at the threshold or above
    threshold: float  # an image below it is not known
    images: int  # of the validation split, which it was calibrated on


class ConformalSet(Struct, frozen=True, kw_only=True):
    """Classes that cannot be excluded: of `least` probability or more (LAC, Sadinle 2019)."""

    coverage: float  # share of new images whose class is in their set, at least
    least: float
    images: int  # that it was calibrated on


class Limits(Struct, frozen=True, kw_only=True):
    """What a model says of its own limits; files from before say nothing."""

    familiarity: Familiarity | None  # None: the graph has no such output
    conformal: ConformalSet | None  # None: too few validation images for this coverage
    temperature: float = 1.0  # that the logits are divided by, in the graph


class Golden(Struct, frozen=True, kw_only=True):
    """A few validation images with the answers that a sound server must reproduce."""

    images: str  # base64 of the uint8 bytes (n, C, H, W)
    labels: tuple[int, ...]
    probabilities: tuple[tuple[float, ...], ...]
    familiarity: tuple[float, ...] = ()  # empty where the graph has no such output

    @classmethod
    def of(
        cls,
        images: Images,
        labels: Labels,
        probabilities: Probabilities,
        familiarity: Familiarities | None = None,
    ) -> "Golden":
        return cls(
            images=base64.b64encode(np.ascontiguousarray(images).tobytes()).decode(),
            labels=tuple(labels.tolist()),
            probabilities=tuple(map(tuple, probabilities.tolist())),
            familiarity=() if familiarity is None else tuple(familiarity.tolist()),
        )

    def arrays(self, shape: tuple[int, int, int]) -> tuple[Images, Probabilities]:
        """Images of this (C, H, W) and their probabilities; raises MetadataError."""
        try:
            values = np.frombuffer(base64.b64decode(self.images, validate=True), np.uint8)
            return values.reshape(-1, *shape), np.array(self.probabilities, np.float32)
        except (ValueError, binascii.Error) as error:
            raise MetadataError(f"its metadata cannot be read: 'golden': {error}") from None


class Metadata(Struct, frozen=True, kw_only=True):
    model_name: str
    net: str
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]  # (C, H, W)
    dataset: DatasetMark
    params_sha256: str
    hyperparameters: dict[str, str | int | float | bool | None] = {}  # by dotted keys, of training
    asked: dict[str, str | int | float | bool | None] = {}  # where params.yaml said auto instead
    parameters: int  # trainable, before folding
    statistics: Statistics
    golden: Golden
    reading: Rules = BEFORE  # how a server must read pictures; files from before name none
    trained_formats: tuple[str, ...] = ()  # of the picture files that training read
    probes: Probes = Probes(())  # what the probe pictures give by these rules, where it was made
    limits: Limits | None = None
    variant_of: str = ""  # sha256 of the model that this is a variant of; empty: it is a model

    def properties(self) -> dict[str, str]:
        """The metadata_props of the file; a model does not say that it is no variant."""
        names = [name for name in self.__struct_fields__ if name != "variant_of" or self.variant_of]
        return {name: as_text(getattr(self, name)) for name in names}


def as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def read(properties: Mapping[str, str]) -> Metadata:
    """Typed metadata; raises MetadataError, and RulesError for reading rules of a later release.

    A file that names no rules is read by those from before they were written down.
    """
    known = fields(Metadata)
    for one in known:
        if one.required and one.name not in properties:
            raise MetadataError(f"its metadata has no {one.name!r}")
    values = {one.name: _value(one, properties) for one in known if one.name in properties}
    found = Metadata(**values)
    if "reading" in properties:
        return found
    return replace(found, reading=replace(BEFORE, digit=found.image_shape == _DIGITS))


def _value(field: FieldInfo, properties: Mapping[str, str]) -> Any:  # noqa: ANN401 -- the field's type
    text = properties[field.name]
    if field.type is str:
        return text
    if field.type is Rules:
        return decoded(text)
    try:
        return msgspec.json.decode(text, type=field.type)
    except msgspec.DecodeError as error:
        raise MetadataError(f"its metadata cannot be read: {field.name!r}: {error}") from None
