"""What training wrote down for later stages, as frozen types."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from pipeline.errors import PipelineError

Content = TypeVar("Content", bound=Struct)


class RecordError(PipelineError):
    """A file that training writes is missing or not what it writes."""


@dataclass(frozen=True)
class Curves:
    """One value per epoch each; NaN where training had none."""

    epoch: tuple[int, ...]
    train_loss: tuple[float, ...]
    val_loss: tuple[float, ...]
    val_accuracy: tuple[float, ...]
    learning_rate: tuple[float, ...]

    def plain(self) -> dict[str, list[float | None]]:
        """For JSON, which has no NaN."""
        return {
            name: [None if math.isnan(value) else value for value in values]
            for name, values in vars(self).items()
        }


class Replay(Struct, frozen=True, kw_only=True):
    """Probabilities of a few validation images over the epochs; epoch 0 is before training."""

    images: tuple[int, ...]  # indexes into the validation split
    labels: tuple[int, ...]
    epochs: tuple[int, ...]
    probabilities: tuple[tuple[tuple[float, ...], ...], ...]  # [epoch][image][class]


@dataclass(frozen=True)
class TrainingRecord:
    curves: Curves
    replay: Replay


def read(plots: Path) -> TrainingRecord:
    """Raises RecordError that names the file and what is wrong with it."""
    return TrainingRecord(
        curves=read_curves(plots / "curves.csv"),
        replay=read_json(plots / "replay.json", Replay),
    )


def read_curves(path: Path) -> Curves:
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        columns = {name: [row[name] for row in rows] for name in Curves.__annotations__}
        epochs = tuple(int(text) for text in columns.pop("epoch"))
        return Curves(epochs, **{name: _numbers(texts) for name, texts in columns.items()})
    except (OSError, KeyError, ValueError) as error:
        raise _broken(path, error) from error


def _numbers(texts: list[str]) -> tuple[float, ...]:
    return tuple(float(text) if text else math.nan for text in texts)


def read_json(path: Path, kind: type[Content]) -> Content:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> RecordError:
    what = f"{type(error).__name__}: {error}"
    return RecordError(f"{path} cannot be used ({what}); make it again with `dvc repro -f train`")
