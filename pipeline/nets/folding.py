"""LeNet without batch norm, and in the post's order: the same function, exactly."""

import copy
from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn

from pipeline.nets.lenet import POOLINGS, BatchNorm, LeNet

POOLING_KINDS = tuple(POOLINGS.values())


def fold_batch_norm(net: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode, batch norm folded into the layer with the weights.

    Exact: a normalisation after max pooling has a positive scale, which commutes with it. Nets
    other than LeNet come back as copies: the exporter folds what follows their convolutions.
    """
    if not isinstance(net, LeNet):
        return copy.deepcopy(net).eval()
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    weighted: nn.Conv2d | nn.Linear | None = None
    for name, layer in copy.deepcopy(net).named_children():
        if isinstance(layer, BatchNorm):
            if weighted is None:
                raise TypeError(f"{name}: a batch norm must follow a layer with weights")
            _fold(weighted, layer)
            continue
        if isinstance(layer, nn.Conv2d | nn.Linear):
            weighted = layer
        layers[name] = layer
    return LeNet(layers).eval()


def post_order(net: LeNet) -> LeNet:
    """Return the folded net with each non-linearity before the pooling it commutes with."""
    names = [name for name, _ in net.named_children()]
    for place, (first, second) in enumerate(pairwise(names)):
        following = net.get_submodule(second)
        pools = isinstance(net.get_submodule(first), POOLING_KINDS)
        if pools and not isinstance(following, nn.Conv2d | nn.Flatten | BatchNorm):
            names[place], names[place + 1] = second, first
    return LeNet(OrderedDict((name, net.get_submodule(name)) for name in names)).eval()


@torch.no_grad()
def _fold(layer: nn.Conv2d | nn.Linear, norm: BatchNorm) -> None:
    factor = norm.log_scale.exp() * (norm.running_var + norm.EPS).rsqrt()
    bias: Tensor = torch.zeros_like(factor) if layer.bias is None else layer.bias
    layer.weight.mul_(factor.view(-1, *[1] * (layer.weight.ndim - 1)))
    layer.bias = nn.Parameter((bias - norm.running_mean) * factor + norm.bias)
