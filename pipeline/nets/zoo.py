"""The convnets by name, fitted to the data set: LeNet, those that came after, and one's own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

from pipeline import net_names
from pipeline.nets import from_timm, from_torchvision, lenet, own, stem
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
    Raises NetError where the name leads to no net, and WeightsError where `model.pretrained` asks
    for weights that cannot be had.
    """
    if model.name == "lenet":
        return lenet.build(model, image_shape=image_shape, classes=classes, mean=mean, std=std)
    channels, height, width = image_shape
    family = net_names.family(model.name)
    least = (family.published_side if model.pretrained else None) or family.least
    canvas = fit_canvas(height, width, least=least, multiple=family.multiple, square=family.square)
    sides = (canvas.height, canvas.width)
    if model.name == "zfnet":
        body: nn.Module = zfnet(channels, classes)
    elif model.name.startswith(net_names.OWN_FOLDER):
        body = own.build(model.name, channels, classes, sides)
    else:
        source = from_timm if model.name.startswith(net_names.FROM_TIMM) else from_torchvision
        body = source.build(model.name, channels, classes, sides, pretrained=model.pretrained)
    if model.small_input:
        stem.make_small(body, name=model.name, keep=model.pretrained)
    return Fitted(Input(canvas, mean=mean, std=std), body)


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
