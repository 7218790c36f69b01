"""The files beside a model's: each names the model that it belongs to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from contract.metadata import MetadataError, as_text

ACTIVATIONS = ".activations.onnx"  # instead of the model's .onnx: every layer's activations
CARD = ".card.json"  # how the model was made, how good it is
VARIANTS = "variants"  # the folder of its variants, NAME.onnx each
FP32, INT8 = "fp32", "int8"  # the model itself; its weights and activations in eight bits

# Outputs of the activations file
ACTIVATION = "activations/"  # LAYER, float32 (batch, …)
PARAMETER = "parameters/"  # LAYER.weight or LAYER.bias: the folded numbers that it multiplies with


class Layer(Struct, frozen=True, kw_only=True):
    """What every layer says; fields that a kind has of its own stay in the file."""

    name: str
    kind: str
    shape: tuple[int, ...]  # without the batch axis
    weight: str | None = None  # name of the output that gives it
    function: str | None = None  # of a non-linearity or a pooling


def variant_path(model: Path, name: str) -> Path:
    """Where the variant of this name lies, of the model in this file."""
    return model.parent / VARIANTS / f"{name}.onnx"


class _Mark(Struct):
    model_sha256: str


def properties(model_sha256: str, layers: list[dict[str, Any]]) -> dict[str, str]:
    """The metadata_props of an activations file, the layers in the order in which they run."""
    return {"model_sha256": model_sha256, "layers": as_text(layers)}


def model_of(properties: Mapping[str, str]) -> str | None:
    """Give the sha256 of the model that an activations file belongs to."""
    return properties.get("model_sha256")


def layers(properties: Mapping[str, str], *, model_sha256: str) -> tuple[Layer, ...]:
    """Of an activations file; raises MetadataError where it is another model's, or has none."""
    if model_of(properties) != model_sha256:
        raise MetadataError("belongs to another model")
    try:
        return msgspec.json.decode(properties.get("layers", ""), type=tuple[Layer, ...])
    except msgspec.DecodeError:
        raise MetadataError("does not list its layers") from None


def card_model(text: bytes) -> str | None:
    """Give the sha256 of the model that a card belongs to; None where it is no card."""
    try:
        return msgspec.json.decode(text, type=_Mark).model_sha256
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
