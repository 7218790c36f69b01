"""torchvision's classification nets by name, for any number of channels and classes."""

from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import cast

import torch
import torchvision
from torch import nn

from pipeline.nets.errors import WeightsError
from pipeline.nets.weights import spread

HALF = ((0.5,) * 3,) * 2  # mean and std
RGB, PUBLISHED_CLASSES = 3, 1000
WITH_SECOND_HEAD = ("googlenet", "inception_v3")  # it is for training at their published size


def build(
    name: str, channels: int, classes: int, sides: tuple[int, int], *, pretrained: bool
) -> nn.Module:
    """Raises WeightsError where the published weights cannot be had."""
    if pretrained:
        net = _published(name)
        _replace_head(net, classes)
    else:
        net = torchvision.models.get_model(name, num_classes=classes, **_numbers(name, sides))
    _take_channels(net, channels)
    return net


def normalisation(name: str) -> tuple[Sequence[float], Sequence[float]]:
    """Return mean and std by channel, 0-1 scale, that the published weights were trained with."""
    if name in WITH_SECOND_HEAD:  # their `transform_input` brings ImageNet's to this
        return HALF
    preset = torchvision.models.get_model_weights(name)["DEFAULT"].transforms()
    return preset.mean, preset.std


def _numbers(name: str, sides: tuple[int, int]) -> dict[str, object]:
    """What some families are asked for beside the number of classes."""
    if name in WITH_SECOND_HEAD:
        return {"aux_logits": False, "init_weights": True}
    if name.startswith("vit"):
        return {"image_size": sides[0]}
    return {"input_size": sides} if name.startswith("maxvit") else {}


def _published(name: str) -> nn.Module:
    """Return torchvision's net of 1,000 classes with its weights; raises WeightsError."""
    weights = torchvision.models.get_model_weights(name)["DEFAULT"]
    own = {"transform_input": False} if name in WITH_SECOND_HEAD else {}  # Input normalises
    try:
        net: nn.Module = torchvision.models.get_model(name, weights=weights, **own)
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        file = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
        raise WeightsError(
            f"model.pretrained: the published weights of {name} cannot be had "
            f"({str(error).partition(chr(10))[0]}): bring {weights.url} to {file}, "
            "or set model.pretrained to false"
        ) from None
    if name == "inception_v3":
        net.aux_logits, net.AuxLogits = False, None  # type: ignore[assignment]
    return net


def _replace_head(net: nn.Module, classes: int) -> None:
    """Give the layer that scores 1,000 classes as many outputs as there are here."""
    place, head = [
        (name, module)
        for name, module in net.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d) and len(module.weight) == PUBLISHED_CLASSES
    ][-1]
    if isinstance(head, nn.Linear):
        net.set_submodule(place, nn.Linear(head.in_features, classes))
    else:  # squeezenet's
        net.set_submodule(place, nn.Conv2d(head.in_channels, classes, 1))


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
            new.weight.copy_(spread(old.weight, channels))
            if new.bias is not None and old.bias is not None:
                new.bias.copy_(old.bias)
        return new

    place, first = next(
        (name, module) for name, module in net.named_modules() if isinstance(module, nn.Conv2d)
    )
    net.set_submodule(place, widened(first))
