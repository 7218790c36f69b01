"""The last linear layer of a net: what it is given are the features, what it gives the logits."""

import copy
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from contract.arrays import Images, Probabilities

BATCH = 256


def find(net: nn.Module, image_shape: Sequence[int]) -> nn.Linear | None:
    """The linear layer whose output, (N, classes), is the net's; None where it ends otherwise."""
    given: list[tuple[nn.Linear, object]] = []  # kept alive: another may not get its identity

    def remember(module: nn.Module, inputs: tuple[Any, ...], output: object) -> None:
        if isinstance(module, nn.Linear) and inputs and inputs[0].ndim == 2:  # noqa: PLR2004 - (N, features)
            given.append((module, output))

    layers = [module for module in net.modules() if isinstance(module, nn.Linear)]
    handles = [layer.register_forward_hook(remember) for layer in layers]
    was_training = net.training
    try:
        with torch.no_grad():
            logits = net.eval()(torch.zeros((1, *image_shape), dtype=torch.uint8))
        return next((layer for layer, output in given if output is logits), None)
    finally:
        net.train(was_training)
        for handle in handles:
            handle.remove()


class WithFeatures(nn.Module):
    """uint8 images (N, C, H, W) → (what the net gives, what its last layer `last` is given)."""

    def __init__(self, net: nn.Module, last: nn.Linear) -> None:
        super().__init__()
        self.net = net
        self.last = last

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        seen: list[Tensor] = []
        handle = self.last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            return cast("Tensor", self.net(images)), seen[-1]
        finally:
            handle.remove()


class AllAnswers(nn.Module):
    """uint8 images (N, C, H, W) → (probabilities, logits, features)."""

    def __init__(self, net: nn.Module, last: nn.Linear) -> None:
        super().__init__()
        self.inner = WithFeatures(net, last)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, features = self.inner(images)
        return logits.softmax(dim=1), logits, features


def answers(
    net: nn.Module, last: nn.Linear | None, images: Images
) -> tuple[Probabilities, Probabilities | None]:
    """What torch makes of all images: logits (N, classes), and features (N, width) with `last`."""
    whole = (WithFeatures(net, last) if last is not None else net).eval()
    with torch.inference_mode():
        starts = range(0, len(images), BATCH)
        found = [whole(torch.from_numpy(images[start : start + BATCH])) for start in starts]
    if last is None:
        return _joined(found), None
    return _joined([logits for logits, _ in found]), _joined([given for _, given in found])


class Tempered(nn.Module):
    """A net whose logits are divided by a temperature (Guo et al. 2017)."""

    def __init__(self, net: nn.Module, temperature: float) -> None:
        super().__init__()
        self.net = net
        self.temperature = temperature

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.net(images)
        return logits / self.temperature


def tempered(net: nn.Module, image_shape: Sequence[int], temperature: float) -> nn.Module:
    """A copy whose logits are divided by `temperature`: in its last layer, which costs nothing."""
    if temperature == 1:
        return net
    changed = copy.deepcopy(net)
    last = find(changed, image_shape)
    if last is None or parametrize.is_parametrized(last):
        return Tempered(changed, temperature)
    with torch.no_grad():
        for weights in (last.weight, last.bias):
            if weights is not None:
                weights.div_(temperature)
    return changed


def _joined(parts: Sequence[Tensor]) -> Probabilities:
    return np.concatenate([part.numpy() for part in parts])
