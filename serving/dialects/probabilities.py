"""Probabilities in the order people ask for: the k greatest, ties by class index."""

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Probabilities


def greatest(probabilities: Probabilities, k: int) -> NDArray[np.intp]:
    """Class indexes of the k greatest of each row, in falling order: (N, k)."""
    order: NDArray[np.intp] = np.argsort(-probabilities, axis=1, kind="stable")
    return order[:, :k]
