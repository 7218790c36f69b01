"""What a training leaves to look at: curves per epoch, and the replay of a few fixed images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.training.batches import Split

MEASURED = ("train_loss", "val_loss", "val_accuracy")


@dataclass
class History:
    """Grows by an epoch at a time; its state lies in the checkpoint, so that a resume goes on.

    The replay's epoch 0 is before any training. `images` are indexes into the validation split.
    """

    images: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    probabilities: list[list[list[float]]] = field(default_factory=list)  # [epoch][image][class]
    curves: list[dict[str, float]] = field(default_factory=list)

    def choose(self, split: Split, classes: int) -> Tensor:
        """Return the replay's images (N, C, H, W) uint8: the first of each class."""
        if not self.images:
            self.images = one_per_class(split.labels, classes)
            self.labels = [int(split.labels[place]) for place in self.images]
        return torch.stack([torch.tensor(split.images[place]) for place in self.images])

    def add(self, epoch: int, measured: Mapping[str, Tensor], learning_rate: float) -> None:
        """Add an epoch's row to the curves."""
        losses = {name: float(measured[name]) for name in MEASURED}
        self.curves.append({"epoch": epoch, **losses, "learning_rate": learning_rate})

    @property
    def replay(self) -> dict[str, Any]:
        """As replay.json has it."""
        return {
            "images": self.images,
            "labels": self.labels,
            "epochs": list(range(len(self.probabilities))),
            "probabilities": self.probabilities,
        }

    def state(self) -> dict[str, Any]:
        return {**vars(self)}

    def restore(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)


def one_per_class(labels: NDArray[np.int64], classes: int) -> list[int]:
    """Return the index of the first image of each class; a class without one is left out."""
    found = (np.flatnonzero(labels == label) for label in range(classes))
    return [int(places[0]) for places in found if len(places)]
