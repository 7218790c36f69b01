"""The ConvNet of the blog post's figure 18, every number of it a parameter."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody reads

from pipeline.nets.canvas import Input
from pipeline.nets.geometry import POOL, fit_canvas, map_sizes

if TYPE_CHECKING:
    from pipeline.config import Model

NONLINEARITIES: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
INCREASING = {"relu", "tanh", "sigmoid"}  # these commute with the maximum over a window


class BatchNorm(nn.Module):
    """Batch normalisation over every axis but the second, with a scale that is always positive.

    The scale is exp(log_scale): a positive factor commutes with max pooling, so that the
    normalisation folds exactly into the convolution before the pooling.
    """

    running_mean: Tensor
    running_var: Tensor
    EPS, MOMENTUM = 1e-5, 0.1

    def __init__(self, features: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.log_scale.exp(),
            self.bias,
            training=self.training,
            momentum=self.MOMENTUM,
            eps=self.EPS,
        )


class SumPool(nn.AvgPool2d):
    """The sum over each window: the average times the window's area."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * float(POOL * POOL)


POOLINGS: dict[str, type[nn.Module]] = {
    "max": nn.MaxPool2d,
    "average": nn.AvgPool2d,
    "sum": SumPool,
}


class LeNet(nn.Sequential):
    """Named layers in the order in which they run; uint8 images in, logits out."""


def build(
    model: "Model",
    *,
    image_shape: Sequence[int],
    classes: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> LeNet:
    """Build the net for images of `image_shape` (C, H, W); geometry.check_net says if it can be."""
    channels, height, width = image_shape
    canvas = fit_canvas(height, width, least=model.canvas)
    last_height, last_width = map_sizes(model, canvas.height, canvas.width)
    numbers = count(1)
    layers: OrderedDict[str, nn.Module] = OrderedDict(input=Input(canvas, mean=mean, std=std))
    for block, filters in enumerate(model.filters, start=1):
        for _ in range(model.convolutions - 1):
            layers |= _convolution(model, next(numbers), channels, filters, pooling=None)
            channels = filters
        layers |= _convolution(model, next(numbers), channels, filters, pooling=block)
        channels = filters
    layers["flatten"] = nn.Flatten()
    units = channels * last_height * last_width
    for number, hidden in enumerate(model.hidden, start=1):
        layers |= _hidden(model, number, next(numbers), units, hidden)
        units = hidden
    layers[f"fc{len(model.hidden) + 1}"] = nn.Linear(units, classes)
    return LeNet(layers)


def _convolution(
    model: "Model", number: int, channels: int, filters: int, *, pooling: int | None
) -> dict[str, nn.Module]:
    """One convolution with what follows it, in the cheapest order that computes the same.

    Max pooling and an increasing function commute, and so does a positive scale: pooling first
    leaves a quarter of the work to both.
    """
    convolution = nn.Conv2d(
        channels, filters, model.kernel, stride=model.stride, padding=model.padding
    )
    after = _normalised(model, number, filters)
    pool = {f"pool{pooling}": POOLINGS[model.pooling](POOL)} if pooling else {}
    first = model.pooling == "max" and model.nonlinearity in INCREASING
    return {f"conv{number}": convolution, **(pool | after if first else after | pool)}


def _hidden(
    model: "Model", number: int, place: int, units: int, hidden: int
) -> dict[str, nn.Module]:
    return {f"fc{number}": nn.Linear(units, hidden), **_normalised(model, place, hidden)}


def _normalised(model: "Model", place: int, features: int) -> dict[str, nn.Module]:
    norm = {f"norm{place}": BatchNorm(features)} if model.batch_norm else {}
    return norm | {f"{model.nonlinearity}{place}": NONLINEARITIES[model.nonlinearity]()}
