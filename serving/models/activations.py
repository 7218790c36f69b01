"""The file beside a model that gives every layer's activations.

Outputs: `activations/<layer>` (batch, …) and `parameters/<layer>.weight` or `.bias`, the folded
numbers that the layer multiplies with. Its metadata names the model that it belongs to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from contract import sidecars
from contract.arrays import Images
from contract.metadata import MetadataError
from contract.sidecars import ACTIVATION, PARAMETER, Layer
from serving.errors import BadRequest, ModelRefused
from serving.models.model import Model, sess_options

Array = NDArray[np.float32]

_MOST_NUMBERS = 8 << 20  # of one reply: 32 MiB


@dataclass(frozen=True)
class Activations:
    session: ort.InferenceSession
    layers: str  # JSON list, one object per layer, in the order in which they run
    shapes: Mapping[str, tuple[int, ...]]  # by output; of activations, without the batch axis

    def run(self, images: Images, names: Sequence[str]) -> dict[str, Array]:
        """Give the named outputs; raises BadRequest for unknown ones, or far too many numbers."""
        if not self.shapes.keys() >= set(names):
            raise BadRequest("outputs must be among those in the model's metadata")
        numbers = sum(
            prod(self.shapes[name]) * (1 if name.startswith(PARAMETER) else len(images))
            for name in names
        )
        if numbers > _MOST_NUMBERS:
            raise BadRequest(
                f"{numbers} numbers in one reply: give up to {_MOST_NUMBERS}, "
                "so name fewer outputs or send fewer images"
            )
        values = self.session.run(list(names), {Model.input_name: images})
        return dict(zip(names, values, strict=True))


def load_activations(content: bytes, *, model_sha256: str) -> Activations:
    """Raise ModelRefused, in words for the page, where it is broken or another model's."""
    try:
        session = ort.InferenceSession(content, sess_options(1), providers=["CPUExecutionProvider"])
    except Exception:  # noqa: BLE001 -- onnxruntime's own exception classes are not public
        raise ModelRefused("the activations file beside the model cannot be read") from None
    properties = session.get_modelmeta().custom_metadata_map
    try:
        layers = sidecars.layers(properties, model_sha256=model_sha256)
    except MetadataError as error:
        raise ModelRefused(f"the activations file beside the model {error}") from None
    return Activations(session, properties["layers"], _shapes(session, layers))


def _shapes(session: ort.InferenceSession, layers: Sequence[Layer]) -> dict[str, tuple[int, ...]]:
    known = {f"{ACTIVATION}{layer.name}": layer.shape for layer in layers}
    outputs: list[tuple[str, list[Any]]] = [
        (item.name, item.shape) for item in session.get_outputs()
    ]
    return {
        name: known.get(name, tuple(shape))
        for name, shape in outputs
        if name in known or name.startswith(PARAMETER)
    }
