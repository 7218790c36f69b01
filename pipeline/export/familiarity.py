"""Is this image of the model's world? A small head on the features, fitted at export.

score = head(features) / c + min(max(logits), cap)

`head` has one hidden layer of rectified units. It is taught to tell training's features from those
of strangers, which are drawn and mixed without a network (outlier exposure, Hendrycks et al. 2019);
the second term is the greatest logit (Hendrycks et al. 2022). c gives both the same spread over
validation, cap is its median there: a logit above what is usual says nothing for an image, as noise
has such, too. The familiarity is the score's quantile among the validation images': a monotone,
piecewise linear map. docs/familiarity.md has the table by which this was chosen.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

KNOTS, LOWEST = 32, 0.001  # of the map; the share of scores below the first
BELOW_ONE = 1 - 2**-20  # rounding must not lead above 1
WEIGHTS, MOST_UNITS, LEAST_UNITS = 16384, 64, 16  # of the hidden layer
EPOCHS, BATCH, RATE, DECAY = 40, 512, 3e-3, 1e-3
SEED = 0

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Head:
    """All numbers of the formula; float32, as the graph has them.

    hidden (H + 1, width) with bias (H + 1,): its last unit is always 1. score (H + 1,) leads to
    head / c, `cap` is the greatest logit's. The map is Σ rises · clip((score - knots) / step, 0, 1)
    """

    hidden: Floats
    bias: Floats
    score: Floats
    cap: float
    knots: Floats = field(default_factory=lambda: np.zeros(0))
    step: float = 1.0  # between two knots
    rises: Floats = field(default_factory=lambda: np.zeros(0))  # of the share, after each knot


def reference(head: Head, logits: Floats, features: Floats) -> Floats:
    """The familiarity (N,) in double precision, by the formula alone."""
    scores = _scores(head, logits.astype(np.float64), features.astype(np.float64))
    ways = np.clip((scores[:, None] - head.knots.astype(np.float64)) / head.step, 0, 1)
    found: Floats = ways @ head.rises.astype(np.float64)
    return found


def fitted(known: Floats, strange: Floats, validation: Sequence[Floats]) -> Head | None:
    """From features (n, width) of training images and of strangers, and validation's answers.

    `validation`: logits and features. None where all of its images score alike.
    """
    hidden, bias, out, offset = _taught(known, strange)
    logits, features = (part.astype(np.float64) for part in validation)
    greatest = logits.max(axis=1)
    told = np.maximum(features @ hidden.T + bias, 0) @ out
    spread, of_logits = _spread(told), _spread(greatest)
    if not (spread > 0 and of_logits > 0):
        return None
    scale = of_logits / spread
    head = Head(
        hidden=np.vstack([hidden, np.zeros_like(hidden[:1])]).astype(np.float32),
        bias=np.append(bias, 1).astype(np.float32),
        score=np.append(out * scale, offset * scale).astype(np.float32),
        cap=float(np.float32(np.median(greatest))),
    )
    return _calibrated(head, _scores(head, logits, features))


def _scores(head: Head, logits: Floats, features: Floats) -> Floats:
    units = np.maximum(features @ head.hidden.T.astype(np.float64) + head.bias, 0)
    greatest = np.minimum(logits.max(axis=1), head.cap)
    found: Floats = units @ head.score.astype(np.float64) + greatest
    return found


def _spread(values: Floats) -> float:
    """Of the lower half, where strangers lie: its root mean square distance from the median."""
    middle = np.median(values)
    return float(np.sqrt(((values[values <= middle] - middle) ** 2).mean()))


def _calibrated(head: Head, scores: Floats) -> Head | None:
    """The map from a score to the share of these scores that are lower, between evenly laid knots.

    They reach from the least scores, where a thousandth is left out, to the greatest.
    """
    low, high = float(np.quantile(scores, LOWEST)), float(scores.max())
    step = np.float32((high - low) / (KNOTS - 1))
    if not step > 0:
        return None
    knots = (low + step * np.arange(-1, KNOTS)).astype(np.float32)
    shares = np.searchsorted(np.sort(scores), knots) / len(scores)
    shares[0], shares[-1] = 0, 1
    rises = np.diff(shares) * BELOW_ONE
    return replace(head, knots=knots[:-1], step=float(step), rises=rises.astype(np.float32))


def _taught(known: Floats, strange: Floats) -> tuple[Floats, Floats, Floats, float]:
    """Hidden (H, width), bias (H,), out (H,) and offset, of features as they come."""
    middle, spread = known.mean(axis=0), known.std(axis=0) + 1e-3 * known.std() + 1e-6
    both = (np.concatenate([known, strange]) - middle) / spread
    truth = np.repeat([1.0, 0.0], [len(known), len(strange)])
    weight = np.where(truth == 1, 0.5 / len(known), 0.5 / len(strange)) * len(truth)
    units = max(LEAST_UNITS, min(MOST_UNITS, WEIGHTS // known.shape[1]))
    with _alone():
        first, last = _trained(
            *(torch.from_numpy(part.astype(np.float32)) for part in (both, truth, weight)),
            units=units,
        )
    hidden = first.weight.numpy().astype(np.float64) / spread
    bias = first.bias.numpy().astype(np.float64) - hidden @ middle
    return hidden, bias, last.weight[0].numpy().astype(np.float64), float(last.bias[0])


def _trained(
    features: Tensor, truth: Tensor, weight: Tensor, *, units: int
) -> tuple[nn.Linear, nn.Linear]:
    torch.manual_seed(SEED)
    first, last = nn.Linear(features.shape[1], units), nn.Linear(units, 1)
    net = nn.Sequential(first, nn.ReLU(), last)
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for chosen in torch.split(torch.randperm(len(truth)), BATCH):
            loss = nn.functional.binary_cross_entropy_with_logits(
                net(features[chosen])[:, 0], truth[chosen], weight=weight[chosen]
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's
            optimizer.step()
        schedule.step()
    net.requires_grad_(requires_grad=False)
    return first, last


@contextmanager
def _alone() -> Iterator[None]:
    """One thread and random numbers of its own: the same weights whatever runs around it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(threads)
