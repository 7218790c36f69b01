"""The convnets by name, fitted to the data set: LeNet, those that came after, and one's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

from pipeline import net_names
from pipeline.nets import from_timm, from_torchvision, lenet, own, stem, weights
from pipeline.nets.canvas import Input
from pipeline.nets.geometry import fit_canvas

if TYPE_CHECKING:
    from pipeline.config import Model


class Fitted(nn.Module):
    """A net of the zoo behind an Input layer: uint8 images in, logits out."""

    def __init__(self, entry: Input, body: nn.Module) -> None:
        super().__init__()
        self.input = entry
        self.body = body

    def forward(self, images: Tensor) -> Tensor:
        return cast("Tensor", self.body(self.input(images)))


def build(  # noqa: PLR0913 - what the net is, and what it is for
    model: "Model",
    *,
    image_shape: Sequence[int],
    classes: int,
    mean: Sequence[float],
    std: Sequence[float],
    starts: bool = True,
) -> nn.Module:
    """Build the net that `model` names for images of `image_shape` (C, H, W).

    Its first layers bring uint8 images onto the canvas and normalise them; it returns logits. With
    `starts` false it is not given the weights that `model` asks for: a checkpoint has its own.
    Raises NetError where the name leads to no net, and WeightsError where weights cannot be had.
    """
    channels, height, width = image_shape
    if model.name == "lenet":
        net = lenet.build(model, image_shape=image_shape, classes=classes, mean=mean, std=std)
        if starts and model.weights:
            _load(net, model, classes)
        return net
    family = net_names.family(model.name)
    given = model.pretrained or model.weights
    least = (family.published_side if given else None) or family.least
    canvas = fit_canvas(height, width, least=least, multiple=family.multiple, square=family.square)
    sides, pretrained = (canvas.height, canvas.width), model.pretrained and starts
    if model.name == "zfnet":
        body: nn.Module = zfnet(channels, classes)
    elif model.name.startswith(net_names.OWN_FOLDER):
        body = own.build(model.name, channels, classes, sides)
    else:
        source = from_timm if model.name.startswith(net_names.FROM_TIMM) else from_torchvision
        body = source.build(model.name, channels, classes, sides, pretrained=pretrained)
    if model.small_input:
        stem.make_small(body, name=model.name, keep=pretrained)
    if starts and model.weights:
        _load(body, model, classes)
    return Fitted(Input(canvas, mean=mean, std=std), body)


def normalisation(model: "Model", channels: int) -> weights.Normalisation | None:
    """Return mean and std by channel, 0-1 scale, that the weights to start from were made with.

    None where none are asked for, or nobody knows: the data's own are right then.
    """
    if not (model.pretrained or model.weights):
        return None
    own = weights.read(Path(model.weights)).normalisation if model.weights else None
    known: tuple[Sequence[float], Sequence[float]] | None = own
    if own is None and model.name.startswith(net_names.FROM_TIMM):
        known = from_timm.normalisation(model.name)
    elif own is None and model.name in net_names.TORCHVISION:
        known = from_torchvision.normalisation(model.name)
    return weights.for_channels(known, channels) if known else None


def _load(net: nn.Module, model: "Model", classes: int) -> None:
    path = Path(model.weights or "")
    weights.put_into(net, weights.read(path), path, name=model.name, classes=classes)


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
