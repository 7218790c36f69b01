"""Against uneven classes: weights of the loss, or an order in which all classes come as often."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def weights(labels: NDArray[np.int64], classes: int) -> Tensor:
    """(classes,) float32: images over classes times images of the class; their mean is 1."""
    counts = np.bincount(labels, minlength=classes)
    share = len(labels) / (classes * np.maximum(counts, 1))
    return torch.from_numpy(np.where(counts > 0, share, 0).astype(np.float32))


def even_order(labels: NDArray[np.int64], generator: torch.Generator) -> Tensor:
    """As many indexes as there are labels, every class equally often, in a drawn order.

    A small class comes again and again, each time all of it; of a large one a part is drawn.
    """
    present = np.unique(labels)
    shares = [len(labels) // len(present)] * len(present)
    for place in torch.randperm(len(present), generator=generator)[: len(labels) % len(present)]:
        shares[int(place)] += 1
    drawn = []
    for label, share in zip(present, shares, strict=True):
        places = torch.from_numpy(np.flatnonzero(labels == label))
        rounds = -(-share // len(places))
        orders = [torch.randperm(len(places), generator=generator) for _ in range(rounds)]
        drawn.append(places[torch.cat(orders)[:share]])
    return torch.cat(drawn)[torch.randperm(len(labels), generator=generator)]
