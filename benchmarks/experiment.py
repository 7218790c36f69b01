"""One training under measurement: parameters and prepared arrays in, accuracies and seconds out."""

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from benchmarks import report
from pipeline import config
from pipeline.data import arrays
from pipeline.nets.geometry import check_net
from pipeline.training import session
from pipeline.training.classifier import ImageClassifier
from pipeline.training.recipe import Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 500  # images, of an evaluation


@dataclass(frozen=True)
class Outcome:
    """Accuracies in percent; `test` only where the recipe is finished."""

    seed: int
    parameters: int
    validation: float
    validation_loss: float
    test: float | None
    seconds: float  # of the net's making and Trainer.fit, validation after each epoch included


def train(
    model: config.Model, recipe: config.Train, data: arrays.Prepared, *, test: bool
) -> tuple[Outcome, ImageClassifier]:
    """Train once; ask the test split only where `test` says so."""
    check_net(model, data.dataset.image_shape)
    started = time.perf_counter()
    module = session.fit(Recipe(model, recipe, data).resolved())
    seconds = time.perf_counter() - started
    last = module.history.curves[-1]
    outcome = Outcome(
        seed=recipe.seed,
        parameters=sum(weights.numel() for weights in module.net.parameters()),
        validation=100 * last["val_accuracy"],
        validation_loss=last["val_loss"],
        test=accuracy(module.net, data.test) if test else None,
        seconds=seconds,
    )
    return outcome, module


def limited(data: arrays.Prepared, images: int) -> arrays.Prepared:
    """Keep so many images of every split, from all over it."""
    if not images:
        return data
    parts = {}
    for name, split in data.splits():
        step = max(1, len(split) // images)
        parts[name] = arrays.Split(split.images[::step][:images], split.labels[::step][:images])
    return arrays.Prepared(data.dataset, **parts)


@torch.no_grad()
def accuracy(net: nn.Module, split: arrays.Split) -> float:
    """Return percent of the split's images."""
    net.eval()
    found: list[NDArray[np.int64]] = [
        net(torch.from_numpy(np.array(split.images[first : first + BATCH]))).argmax(dim=1).numpy()
        for first in range(0, len(split.labels), BATCH)
    ]
    return float((np.concatenate(found) == split.labels).mean() * 100)


def spread(values: Sequence[float]) -> str:
    """Return the mean with the standard deviation of a sample."""
    deviation = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{deviation}"


def machine(threads: int) -> dict[str, str | int]:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else report.processor()
    return {"device": device, "threads": threads, "torch": str(torch.__version__)}


def as_json(outcome: Outcome) -> dict[str, object]:
    return json.loads(json.dumps(asdict(outcome)))  # type: ignore[no-any-return]  # plain content
