"""What a training leaves to look at: curves per epoch, and the replay of a few fixed images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass
class History:
    """Grows by an epoch at a time; its state lies in the checkpoint, so that a resume goes on.

    The replay's epoch 0 is before any training. `images` are indexes into the validation split.
    """

    images: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    probabilities: list[list[list[float]]] = field(default_factory=list)  # [epoch][image][class]
    curves: list[dict[str, float]] = field(default_factory=list)

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


def one_per_class(labels: NDArray[np.int64] | Sequence[int], classes: int) -> list[int]:
    """Return the index of the first image of each class; a class without one is left out."""
    values = np.asarray(labels)
    found = (np.flatnonzero(values == label) for label in range(classes))
    return [int(places[0]) for places in found if len(places)]
