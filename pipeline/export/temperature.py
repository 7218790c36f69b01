"""One number that makes probabilities mean what they say: temperature scaling, Guo et al. 2017."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from contract.arrays import Labels

LEAST = 400  # validation images; fewer say too little of the half that decides
Z_95 = 1.959963984540054  # two-sided 95 % of the standard normal
DECIMALS = 4
SPAN = 3.0  # of the logarithm, either way: a temperature from 0.05 to 20

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Temperature:
    """What the logits are divided by, and why it is that."""

    value: float
    reason: str  # in words, for the stage's line and the report


def chosen(logits: Floats, labels: Labels, asked: float | str) -> Temperature:
    """`asked`, or of "auto" what validation's logits (N, classes) say.

    Fitted on every second image; kept where the other images' negative log-likelihood falls by
    more than the half-width of its 95 % interval, else 1.
    """
    if not isinstance(asked, str):
        return Temperature(float(asked), "as export.temperature says")
    if len(labels) < LEAST:
        return Temperature(1.0, f"fitted from {LEAST} validation images on, and there are fewer")
    fitting, deciding = slice(0, None, 2), slice(1, None, 2)
    value = fitted(logits[fitting], labels[fitting])
    held, names = logits[deciding], labels[deciding]
    gains = losses(held, names, 1.0) - losses(held, names, value)
    gain, error = float(gains.mean()), Z_95 * float(gains.std(ddof=1)) / len(gains) ** 0.5
    told = f"{value:g} lowers the other half's negative log-likelihood by {gain:.5f} ± {error:.5f}"
    return Temperature(value, told) if gain > error else Temperature(1.0, f"{told}: not kept")


def fitted(logits: Floats, labels: Labels) -> float:
    """The temperature of the least negative log-likelihood, rounded."""
    found = minimize_scalar(
        lambda power: losses(logits, labels, float(np.exp(power))).mean(),
        bounds=(-SPAN, SPAN),
        method="bounded",
    )
    return round(float(np.exp(found.x)), DECIMALS)


def losses(logits: Floats, labels: Labels, temperature: float) -> Floats:
    """Negative log-likelihood of each image, (N,)."""
    shares = log_softmax(logits.astype(np.float64) / temperature, axis=1)
    found: Floats = -shares[np.arange(len(labels)), labels]
    return found
