"""The losses: cross-entropy, and the squared error of the post's figure 15."""

from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody reads


def loss(  # noqa: PLR0913 - what the error is, and what it counts
    name: str,
    logits: Tensor,
    labels: Tensor,
    *,
    label_smoothing: float = 0.0,
    weights: Tensor | None = None,
    shares: Tensor | None = None,
) -> Tensor:
    """Return the mean over the batch; logits (N, classes), labels (N,) class indexes.

    With `weights` (classes,) each image's error counts as much as its class says. With `shares`
    (N,) of mixed images the rest of each is the error against the label before it.
    """
    if shares is not None:
        own, other = (
            _each(name, logits, one, label_smoothing, weights) for one in (labels, labels.roll(1))
        )
        return (shares * own + (1 - shares) * other).mean()
    if weights is not None:
        return _each(name, logits, labels, label_smoothing, weights).mean()
    if name == "squared_error":
        return squared_error(logits, labels)
    return F.cross_entropy(logits, labels, label_smoothing=label_smoothing)


def _each(
    name: str, logits: Tensor, labels: Tensor, smoothing: float, weights: Tensor | None
) -> Tensor:
    """(N,) errors, weighted by class."""
    if name == "squared_error":
        error = squared_error(logits, labels, reduction="none")
    else:
        error = F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
    return error if weights is None else error * weights[labels]


def squared_error(logits: Tensor, labels: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return ½ Σ (target - output)² over the softmax outputs of an image, mean over the batch.

    With the `reduction` none it is (N,).
    """
    output = logits.softmax(dim=1)
    target = F.one_hot(labels, logits.shape[1]).to(output.dtype)
    error = (target - output).square().sum(dim=1)
    return error / 2 if reduction == "none" else error.mean() / 2
