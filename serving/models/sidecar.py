"""The instrumented twin of a model: an ONNX file that gives every layer's activations.

Outputs: `activations/<layer>` (batch, …) and `parameters/<layer>.weight` or `.bias`, the folded
numbers that the layer multiplies with. Its metadata names the model that it belongs to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import msgspec
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from serving.errors import BadRequest, ModelRefused
from serving.models.model import Images, Model, sess_options

Array = NDArray[np.float32]

ENDING = ".activations.onnx"
PARAMETERS = "parameters/"
_ACTIVATIONS = "activations/"
_MOST_NUMBERS = 8 << 20  # of one reply: 32 MiB


class _Layer(msgspec.Struct):
    """What the server itself uses of a layer's description; the rest goes out as it came."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Sidecar:
    session: ort.InferenceSession
    layers: str  # JSON list, one object per layer, in the order in which they run
    shapes: Mapping[str, tuple[int, ...]]  # by output; of activations, without the batch axis

    def run(self, images: Images, names: Sequence[str]) -> dict[str, Array]:
        """Give the named outputs; raises BadRequest for unknown ones, or far too many numbers."""
        if not self.shapes.keys() >= set(names):
            raise BadRequest("outputs must be among those in the model's metadata")
        numbers = sum(
            prod(self.shapes[name]) * (1 if name.startswith(PARAMETERS) else len(images))
            for name in names
        )
        if numbers > _MOST_NUMBERS:
            raise BadRequest(
                f"{numbers} numbers in one reply: give up to {_MOST_NUMBERS}, "
                "so name fewer outputs or send fewer images"
            )
        values = self.session.run(list(names), {Model.input_name: images})
        return dict(zip(names, values, strict=True))


def load_sidecar(content: bytes, *, model_sha256: str) -> Sidecar:
    """Raise ModelRefused, in words for the page, where it is broken or another model's."""
    try:
        session = ort.InferenceSession(content, sess_options(1), providers=["CPUExecutionProvider"])
    except Exception:  # noqa: BLE001 -- onnxruntime's own exception classes are not public
        raise ModelRefused("the activations file beside the model cannot be read") from None
    metadata = session.get_modelmeta().custom_metadata_map
    if metadata.get("model_sha256") != model_sha256:
        raise ModelRefused("the activations file beside the model belongs to another model")
    text = metadata.get("layers", "")
    try:
        layers = msgspec.json.decode(text, type=list[_Layer])
    except msgspec.DecodeError:
        raise ModelRefused(
            "the activations file beside the model does not list its layers"
        ) from None
    return Sidecar(session, text, _shapes(session, layers))


def _shapes(session: ort.InferenceSession, layers: list[_Layer]) -> dict[str, tuple[int, ...]]:
    known = {f"{_ACTIVATIONS}{layer.name}": layer.shape for layer in layers}
    outputs: list[tuple[str, list[Any]]] = [
        (item.name, item.shape) for item in session.get_outputs()
    ]
    return {
        name: known.get(name, tuple(shape))
        for name, shape in outputs
        if name in known or name.startswith(PARAMETERS)
    }
