"""The convnets by name: LeNet, and those that came after, fitted to the data set."""

from collections.abc import Callable, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, TypeVar, cast

import torch
import torchvision
from torch import Tensor, nn

from pipeline.errors import PipelineError
from pipeline.nets import lenet
from pipeline.nets.canvas import Input
from pipeline.nets.geometry import fit_canvas, least_size

if TYPE_CHECKING:
    from pipeline.config import Model

RGB = 3
Layer = TypeVar("Layer", bound=nn.Module)
NOT_DETERMINISTIC = ("alexnet", "zfnet", "vgg")  # adaptive pooling's backward pass on a GPU


class WeightsError(PipelineError):
    """The published weights cannot be fetched, or are not what they should be."""


class Fitted(nn.Module):
    """A net of the zoo behind an Input layer: uint8 images in, logits out."""

    def __init__(self, entry: Input, body: nn.Module) -> None:
        super().__init__()
        self.input = entry
        self.body = body

    def forward(self, images: Tensor) -> Tensor:
        return cast("Tensor", self.body(self.input(images)))


def build(
    model: "Model",
    *,
    image_shape: Sequence[int],
    classes: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> nn.Module:
    """Build the net that `model` names for images of `image_shape` (C, H, W).

    Its first layers bring uint8 images onto the canvas and normalise them; it returns logits.
    Raises WeightsError where `model.pretrained` asks for weights that cannot be had.
    """
    if model.name == "lenet":
        return lenet.build(model, image_shape=image_shape, classes=classes, mean=mean, std=std)
    channels, height, width = image_shape
    entry = Input(fit_canvas(height, width, least=least_size(model)), mean=mean, std=std)
    if model.name == "zfnet":
        return Fitted(entry, zfnet(channels, classes))
    body = _torchvision(model.name, classes=classes, pretrained=model.pretrained)
    _take_channels(body, channels)
    return Fitted(entry, body)


def zfnet(channels: int, classes: int) -> nn.Sequential:
    """Zeiler and Fergus 2013, figure 3: AlexNet with a 7x7 stride 2 and a 5x5 stride 2 start."""
    features = [
        nn.Conv2d(channels, 96, 7, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1),
        nn.LocalResponseNorm(5), nn.Conv2d(96, 256, 5, stride=2), nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1), nn.LocalResponseNorm(5),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.AdaptiveAvgPool2d(6),
        nn.Flatten(),
    ]  # fmt: skip
    classifier = [
        nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, classes),
    ]  # fmt: skip
    return nn.Sequential(*features, *classifier)


def _torchvision(name: str, *, classes: int, pretrained: bool) -> nn.Module:
    if pretrained:
        net = _published(name)
        _replace(net, nn.Linear, lambda old: nn.Linear(old.in_features, classes), last=True)
        return net
    own = {"aux_logits": False, "init_weights": True} if name == "googlenet" else {}
    fresh: nn.Module = torchvision.models.get_model(name, num_classes=classes, **own)
    return fresh


def _published(name: str) -> nn.Module:
    """Return torchvision's net of 1,000 classes with its weights; raises WeightsError."""
    weights = torchvision.models.get_model_weights(name)["DEFAULT"]
    own = {"transform_input": False} if name == "googlenet" else {}  # Input normalises
    try:
        net: nn.Module = torchvision.models.get_model(name, weights=weights, **own)
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        file = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
        raise WeightsError(
            f"model.pretrained: the published weights of {name} cannot be had "
            f"({str(error).partition(chr(10))[0]}): bring {weights.url} to {file}, "
            "or set model.pretrained to false"
        ) from None
    return net


def _take_channels(net: nn.Module, channels: int) -> None:
    """Give the first convolution `channels` inputs; one grey channel stands for the three."""
    if channels == RGB:
        return

    def widened(old: nn.Conv2d) -> nn.Conv2d:
        new = nn.Conv2d(
            channels,
            old.out_channels,
            cast("tuple[int, int]", old.kernel_size),
            stride=cast("tuple[int, int]", old.stride),
            padding=cast("tuple[int, int]", old.padding),
            bias=old.bias is not None,
        )
        with torch.no_grad():
            shared = old.weight.sum(dim=1, keepdim=True) / channels
            new.weight.copy_(shared.expand_as(new.weight))
            if new.bias is not None and old.bias is not None:
                new.bias.copy_(old.bias)
        return new

    _replace(net, nn.Conv2d, widened, last=False)


def _replace(
    net: nn.Module, kind: type[Layer], change: Callable[[Layer], nn.Module], *, last: bool
) -> None:
    """Put `change(layer)` in the place of the first or the last layer of `kind`."""
    places = [name for name, module in net.named_modules() if isinstance(module, kind)]
    place = places[-1] if last else places[0]
    net.set_submodule(place, change(cast("Layer", net.get_submodule(place))))
