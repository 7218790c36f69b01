"""Weights from a file: read without running what is in it, and fitted to the net.

The file is a state_dict, as `torch.save` or safetensors write it, also below `state_dict` or
`model`, as trainers save it; or a checkpoint of this pipeline.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pipeline.nets.errors import WeightsError
from pipeline.nets.head import head_of, is_of
from pipeline.nets.stem import middle

WRAPPERS = ("state_dict", "model_state_dict", "model")
PREFIXES = ("module.", "_orig_mod.", "net.", "body.")  # of what trainers wrap a net in
SECOND_HEADS = ("aux1.", "aux2.", "AuxLogits.")  # torchvision's, for training at 224 px
COUNTS = "num_batches_tracked"
SHOWN = 1
Normalisation = tuple[tuple[float, ...], tuple[float, ...]]  # mean and std by channel, 0-1 scale


@dataclass(frozen=True)
class Weights:
    """What a file holds, by the names of the net's own layers."""

    state: Mapping[str, Tensor]
    normalisation: Normalisation | None  # that of a checkpoint of this pipeline


def read(path: Path) -> Weights:
    """Raises WeightsError where there is no such file, or it is no state_dict."""
    existing(path)
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (
        OSError, RuntimeError, EOFError, UnpicklingError, ValueError, SafetensorError,
        zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise WeightsError(
            f"model.weights: {path} cannot be read as a state_dict "
            f"({str(error).partition(chr(10))[0]}): save it with torch.save(net.state_dict(), …)"
        ) from None
    own = content.get("hyper_parameters", {}) if isinstance(content, dict) else {}
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not _is_state(content):
        raise WeightsError(
            f"model.weights: {path} is no state_dict: save it with torch.save(net.state_dict(), …)"
        )
    normalised = (tuple(own["mean"]), tuple(own["std"])) if {"mean", "std"} <= set(own) else None
    return Weights({_bare(name): value for name, value in content.items()}, normalised)


def existing(path: Path) -> Path:
    """Raises WeightsError where there is no such file."""
    if not path.is_file():
        raise WeightsError(
            f"model.weights: {path} does not exist: bring the file there, or set it to null"
        )
    return path


@torch.no_grad()
def put_into(net: nn.Module, weights: Weights, path: Path, *, name: str, classes: int) -> None:
    """Start the net from the file: all layers but, where it has other classes, the head.

    A first layer of other channels or of larger kernels is fitted as published weights are.
    Raises WeightsError, which names the first layer that differs.
    """
    own, head = net.state_dict(), head_of(net, classes)
    found = {key: _fitted(value, own.get(key)) for key, value in weights.state.items()}
    loose = [key for key in own if head and is_of(key, head)]
    differ = [
        _difference(key, own.get(key), found.get(key), path, name)
        for key in (*own, *(key for key in found if key not in own))
        if key not in loose
        and not key.endswith(COUNTS)
        and not key.startswith(SECOND_HEADS)
        and not _same(own.get(key), found.get(key))
    ]
    if differ:
        more = f" (and {len(differ) - SHOWN} more)" if len(differ) > SHOWN else ""
        raise WeightsError(
            f"model.weights: {differ[0]}{more}: it is the file of another net; take that net's "
            "model.name, or set model.weights to null"
        )
    net.load_state_dict(
        {key: found[key] if _same(own[key], found.get(key)) else own[key] for key in own}
    )


def _is_state(content: object) -> bool:
    return (
        isinstance(content, dict)
        and len(content) > 0
        and all(isinstance(value, Tensor) for value in content.values())
    )


def _bare(name: str) -> str:
    """Without what a trainer has put before it."""
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _same(own: Tensor | None, given: Tensor | None) -> bool:
    return own is not None and given is not None and own.shape == given.shape


def _fitted(given: Tensor, own: Tensor | None) -> Tensor:
    """A convolution's kernels for as many channels and as few px as the net's have."""
    if own is None or own.shape == given.shape or own.ndim != given.ndim or own.ndim != 4:  # noqa: PLR2004
        return given
    if own.shape[0] != given.shape[0]:
        return given
    if own.shape[1] != given.shape[1] and given.shape[1] == 3:  # noqa: PLR2004 - red, green, blue
        given = spread(given, own.shape[1])
    if given.shape[-1] == 7 and own.shape[-1] == 3:  # noqa: PLR2004 - model.small_input
        given = middle(given, own.shape[-1])
    return given


def spread(kernels: Tensor, channels: int) -> Tensor:
    """(F, C, h, w) → (F, channels, h, w) with the same sum: one grey channel stands for three."""
    return (kernels.sum(dim=1, keepdim=True) / channels).repeat(1, channels, 1, 1)


def _difference(key: str, own: Tensor | None, given: Tensor | None, path: Path, name: str) -> str:
    if given is None:
        return f"{path} has no {key}, which {name} has"
    if own is None:
        return f"{path} has {key}, which {name} has not"
    return f"{key} is {list(given.shape)} in {path} and {list(own.shape)} in {name}"


def for_channels(found: tuple[Sequence[float], Sequence[float]], channels: int) -> Normalisation:
    """The normalisation of three colours as that of so many channels: their mean for each."""
    if len(found[0]) == channels:
        return tuple(found[0]), tuple(found[1])
    means = [sum(values) / len(values) for values in found]
    return (means[0],) * channels, (means[1],) * channels
