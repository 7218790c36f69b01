"""LeNet's layers in training on a CPU: the same functions, in the forms that cost least there.

A first convolution with max pooling becomes one convolution by four times the kernels, two steps
at a time, and a maximum over four maps. Gradients with respect to few maps are computed channels
first; everything else about a convolution is cheaper channels last.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812 - the name everybody reads
from torch.nn.grad import conv2d_input, conv2d_weight

from pipeline.nets.geometry import POOL

FEW = 16  # maps: fewer do not fill the widest processors' vectors of float32
LAST = torch.channels_last

Context = Any  # what forward leaves for backward


def suits(images: Tensor) -> bool:
    """Say whether `run` may stand in: training as written, on a CPU, in float32."""
    return (
        images.device.type == "cpu"
        and torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def run(layers: Iterable[nn.Module], images: Tensor) -> Tensor:
    """Return what the layers, one after the other, make of images that need no gradient."""
    maps, skipped = images, False
    for layer, following in pairwise([*layers, None]):
        if skipped or layer is None:
            skipped = False
        elif isinstance(layer, nn.Conv2d):
            skipped = isinstance(following, nn.MaxPool2d) and not maps.requires_grad
            maps = pooled_convolution(layer, maps) if skipped else convolution(layer, maps)
        else:
            maps = layer(maps)
    return maps


def pooled_convolution(layer: nn.Conv2d, images: Tensor) -> Tensor:
    """Return the greatest of each 2 x 2 places of the convolved images.

    What a kernel finds at the four places of a window, four kernels find at once: the same one,
    moved by a step to the right, down, or both.
    """
    step = layer.stride[0]
    moved = torch.cat([
        F.pad(layer.weight, (right, step - right, down, step - down))
        for down in (0, step) for right in (0, step)
    ])  # fmt: skip
    found = F.conv2d(
        channels_first(images), channels_first(moved), stride=POOL * step, padding=layer.padding
    )
    count, _, *size = found.shape
    windows = found.view(count, POOL * POOL, layer.out_channels, *size)
    greatest = cast("Tensor", _Greatest.apply(windows))
    return greatest if layer.bias is None else greatest.add_(layer.bias[:, None, None])


def channels_first(maps: Tensor) -> Tensor:
    """Return the maps with the strides that say so: of one channel, both orders are the same."""
    return maps.flatten().view(maps.shape)


class _Greatest(torch.autograd.Function):
    """(N, 4, F, H, W) → (N, F, H, W); of equal values the first counts, as in max pooling."""

    @staticmethod
    def forward(ctx: Context, windows: Tensor) -> Tensor:
        a, b, c, d = windows.unbind(1)
        above, below = torch.maximum(a, b), torch.maximum(c, d)
        ctx.save_for_backward(b > a, d > c, below > above)
        return torch.maximum(above, below)

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, gradient: Tensor) -> Tensor:
        b_wins, d_wins, below_wins = ctx.saved_tensors
        count, *maps = gradient.shape
        windows = gradient.new_empty(count, POOL * POOL, *maps)
        a, b, c, d = windows.unbind(1)
        below = gradient * below_wins
        above = gradient - below
        torch.mul(above, b_wins, out=b)
        torch.sub(above, b, out=a)
        torch.mul(below, d_wins, out=d)
        torch.sub(below, d, out=c)
        return windows


def convolution(layer: nn.Conv2d, maps: Tensor) -> Tensor:
    if maps.requires_grad and layer.in_channels < FEW:
        return cast("Tensor", _FewMaps.apply(maps, layer.weight, layer.bias, layer))
    return cast("Tensor", layer(maps))


class _FewMaps(torch.autograd.Function):
    """A convolution whose two gradients are computed in the order of channels that suits each."""

    @staticmethod
    def forward(
        ctx: Context, maps: Tensor, weight: Tensor, bias: Tensor | None, layer: nn.Conv2d
    ) -> Tensor:
        maps, weight = maps.contiguous(memory_format=LAST), weight.contiguous(memory_format=LAST)
        ctx.save_for_backward(maps, weight)
        ctx.stride, ctx.padding = layer.stride, layer.padding
        return F.conv2d(maps, weight, bias, stride=layer.stride, padding=layer.padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight = ctx.saved_tensors
        last = gradient.contiguous(memory_format=LAST)
        how = {"stride": ctx.stride, "padding": ctx.padding}
        of_maps = conv2d_input(maps.shape, weight.contiguous(), last.contiguous(), **how)  # type: ignore[no-untyped-call]  # torch's
        of_weight = conv2d_weight(maps, weight.shape, last, **how)  # type: ignore[no-untyped-call]  # torch's
        of_bias = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
        return of_maps, of_weight, of_bias, None
