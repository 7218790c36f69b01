"""The LeNet of figure 18, its foldings and its activations."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import nn

from pipeline import config
from pipeline.nets import lenet
from pipeline.nets.activations import WithActivations
from pipeline.nets.folding import fold_batch_norm

MODEL = config.load(Path(__file__).parents[3] / "params.yaml").model
IMAGE = (1, 28, 28)


def build(image_shape: tuple[int, int, int] = IMAGE, **changes: Any) -> lenet.LeNet:  # noqa: ANN401 - any field of Model
    channels = image_shape[0]
    net = lenet.build(
        msgspec.structs.replace(MODEL, **changes),
        image_shape=image_shape, classes=10, mean=[0.13] * channels, std=[0.31] * channels,
    )  # fmt: skip
    return net.eval()


def some_images(image_shape: tuple[int, int, int] = IMAGE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (5, *image_shape), dtype=torch.uint8, generator=generator)


def shake_batch_norm(net: nn.Module) -> None:
    """Give every batch norm statistics and scales far from where they start."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, lenet.BatchNorm):
                module.log_scale.normal_(generator=generator)
                module.bias.normal_(generator=generator)
                module.running_mean.normal_(generator=generator)
                module.running_var.uniform_(0.5, 2, generator=generator)


@pytest.mark.parametrize(("batch_norm", "expected"), [(False, 61_706), (True, 62_158)])
def test_parameter_count(batch_norm: bool, expected: int) -> None:  # noqa: FBT001 - a parametrised value
    """As many as LeCun's 120-84 net has with every map connected."""
    net = build(batch_norm=batch_norm)
    assert sum(parameter.numel() for parameter in net.parameters()) == expected


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh", "sigmoid", "gelu", "silu"])
@pytest.mark.parametrize("pooling", ["max", "average", "sum"])
def test_activations_keep_the_function_and_the_posts_order(nonlinearity: str, pooling: str) -> None:
    """Folding and reordering change no probability; convolution, non-linearity, pooling follow."""
    net = build(nonlinearity=nonlinearity, pooling=pooling)
    shake_batch_norm(net)
    shown = WithActivations(net, IMAGE)
    probabilities, *activations = shown(some_images())
    torch.testing.assert_close(probabilities, net(some_images()).softmax(dim=1))
    kinds = [layer["kind"] for layer in shown.layers]
    block = ["convolution", "nonlinearity", "pooling"]
    assert kinds == ["input", *block * 2, *["fully_connected", "nonlinearity"] * 2,
                     "fully_connected", "softmax"]  # fmt: skip
    shapes = [list(activation.shape[1:]) for activation in activations]
    assert shapes == [layer["shape"] for layer in shown.layers]


def test_folded_net_has_no_batch_norm() -> None:
    """The original keeps its own."""
    net = build()
    folded = fold_batch_norm(net)
    assert not any(isinstance(module, lenet.BatchNorm) for module in folded.modules())
    assert any(isinstance(module, lenet.BatchNorm) for module in net.modules())


def test_activations_are_what_the_parameters_make() -> None:
    """The first feature map, worked out by hand from the net's own kernel and input."""
    net = build()
    shake_batch_norm(net)
    shown = WithActivations(net, IMAGE)
    entry, first, rectified, pooled = shown(some_images())[1:5]
    weight, bias = shown.parameters_of["conv1"]
    assert bias is not None
    by_hand = (entry[0, :, 3:8, 4:9] * weight[2]).sum() + bias[2]
    torch.testing.assert_close(first[0, 2, 3, 4], by_hand)
    torch.testing.assert_close(rectified, first.clamp(min=0))
    torch.testing.assert_close(pooled[0, 0, 0, 0], rectified[0, 0, :2, :2].max())


def test_several_convolutions_before_a_pooling() -> None:
    """Figure 16: numbered in the order in which they run, and the parts fit."""
    net = build(convolutions=2, kernel=3, padding=1, filters=[4, 8, 8], hidden=[])
    names = [name for name, _ in net.named_children() if name.startswith(("conv", "pool", "fc"))]
    assert names == [
        "conv1", "conv2", "pool1", "conv3", "conv4", "pool2", "conv5", "conv6", "pool3", "fc1",
    ]  # fmt: skip
    assert net(some_images()).shape == (5, 10)


@pytest.mark.parametrize("image_shape", [(1, 8, 8), (3, 32, 32), (3, 40, 24)])
def test_any_image_shape(image_shape: tuple[int, int, int]) -> None:
    """Channels and size come from the data set."""
    assert build(image_shape)(some_images(image_shape)).shape == (5, 10)


def test_background_is_pixel_zero() -> None:
    """The canvas around the image is what a pixel of 0 is after normalisation."""
    entry = build()[0](torch.zeros(1, *IMAGE, dtype=torch.uint8))
    assert entry.unique().tolist() == pytest.approx([-0.13 / 0.31])
