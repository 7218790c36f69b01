"""The losses: cross-entropy, and the squared error of the post's figure 15."""

from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody reads


def loss(name: str, logits: Tensor, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Return the mean over the batch; logits (N, classes), labels (N,) class indexes."""
    if name == "squared_error":
        return squared_error(logits, labels)
    return F.cross_entropy(logits, labels, label_smoothing=label_smoothing)


def squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    """Return ½ Σ (target - output)² over the softmax outputs of an image, mean over the batch."""
    output = logits.softmax(dim=1)
    target = F.one_hot(labels, logits.shape[1]).to(output.dtype)
    return (target - output).square().sum(dim=1).mean() / 2
