"""The model card, models/model.card.json: who the model is, how it was made, how good it is."""

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image

from contract.arrays import Images
from contract.metadata import DatasetMark
from pipeline.config import Scalar
from pipeline.evaluation.training_record import Replay


class RunMark(Struct, frozen=True, kw_only=True):
    """The MLflow run that the model came from."""

    training: str  # the tag pipeline.run, of this training alone
    id: str | None  # as the two below: None where the store did not answer
    name: str | None
    experiment: str | None


class GitMark(Struct, frozen=True, kw_only=True):
    commit: str
    dirty: bool


class ReplayShown(Struct, frozen=True, kw_only=True):
    """A replay that carries its images as base64 of PNG."""

    images: tuple[str, ...]
    labels: tuple[int, ...]
    epochs: tuple[int, ...]
    probabilities: tuple[tuple[tuple[float, ...], ...], ...]  # [epoch][image][class]


class Origin(Struct, frozen=True, kw_only=True):
    """What the files of a model cannot tell."""

    evaluation: dict[str, Scalar]  # its parameters, by their dotted keys
    git: GitMark | None
    run: RunMark | None


class Card(Struct, frozen=True, kw_only=True):
    model_sha256: str
    name: str
    net: str
    dataset: DatasetMark
    classes: tuple[str, ...]
    parameters: int
    hyperparameters: dict[str, Scalar]  # the model's own file says them, and evaluate its part
    asked: dict[str, Scalar] = {}  # where params.yaml said auto instead
    metrics: dict[str, dict[str, float]]
    variants: dict[str, str] = {}  # each in a line: as good as the model, or why it is not served
    per_class: dict[str, list[object]]  # precision, recall, f1, images; in the order of classes
    run: RunMark | None
    git: GitMark | None
    curves: dict[str, list[float | None]]
    replay: ReplayShown


def columns(table: Sequence[Sequence[object]]) -> dict[str, list[object]]:
    """The columns of a table with a header, but the first, which names the rows."""
    header, *rows = table
    return {
        str(name): [row[place] for row in rows] for place, name in enumerate(header) if place > 0
    }


def replay_shown(replay: Replay, images: Images) -> ReplayShown:
    """`images` (n, C, H, W) are those that the replay names."""
    return ReplayShown(
        images=tuple(as_png(image) for image in images),
        labels=replay.labels,
        epochs=replay.epochs,
        probabilities=replay.probabilities,
    )


def git_mark(tags: Mapping[str, str]) -> GitMark | None:
    """From provenance.source_tags; None outside a repository."""
    if "git.commit" not in tags:
        return None
    return GitMark(commit=tags["git.commit"], dirty=tags["git.dirty"] == "true")


def as_png(image: NDArray[np.uint8]) -> str:
    """Base64 of one image (C, H, W): grey for one channel, colour for three."""
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    with io.BytesIO() as file:
        Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG")
        return base64.b64encode(file.getvalue()).decode()
