"""Nets of timm (PyTorch Image Models) by `timm/NAME`; the package is an extra of this project."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from torch import nn

from pipeline import net_names
from pipeline.nets.errors import NetError, WeightsError


def build(
    name: str, channels: int, classes: int, sides: tuple[int, int], *, pretrained: bool
) -> nn.Module:
    """Raises NetError for what timm does not know or cannot build, WeightsError for weights."""
    timm = _timm(name)
    architecture = name.removeprefix(net_names.FROM_TIMM)
    if not timm.is_model(architecture.partition(".")[0]):
        close = timm.list_models(f"*{architecture.partition('.')[0]}*")[:3]
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise NetError(f"model.name {name!r}: timm has no such net: {hint}timm.list_models() tells")
    known = timm.models.get_pretrained_cfg(architecture)
    size = {"img_size": sides} if known and known.fixed_input_size else {}
    options: dict[str, Any] = {"num_classes": classes, "in_chans": channels, **size}
    try:
        net: nn.Module = timm.create_model(architecture, pretrained=pretrained, **options)
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise WeightsError(
            f"model.pretrained: the published weights of {name} cannot be had "
            f"({str(error).partition(chr(10))[0]}): fill the hub's cache (HF_HOME) on a machine "
            "that reaches it, or set model.pretrained to false"
        ) from None
    return net


def normalisation(name: str) -> tuple[Sequence[float], Sequence[float]] | None:
    """Return mean and std by channel, 0-1 scale, of the published weights, if there are any."""
    known = _timm(name).models.get_pretrained_cfg(name.removeprefix(net_names.FROM_TIMM))
    return (known.mean, known.std) if known else None


def _timm(name: str) -> ModuleType:
    try:
        import timm  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise NetError(
            f"model.name {name!r} needs the package timm: pip install -c constraints.txt '.[timm]'"
        ) from None
    package: ModuleType = timm
    return package
