"""The instrumented twin of a model: what each layer makes of an image, read back from its file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipeline.data.arrays import Images
from pipeline.errors import PipelineError
from pipeline.export.onnx_run import Session, open_session

Array = NDArray[Any]


class SidecarError(PipelineError):
    """The activations file does not belong to the model."""


class Layer(Struct, frozen=True, kw_only=True):
    """What every layer says; fields that a kind has of its own stay in the file."""

    name: str
    kind: str
    shape: tuple[int, ...]
    weight: str | None = None  # name of the output that gives it


@dataclass(frozen=True)
class Sidecar:
    session: Session
    layers: tuple[Layer, ...]

    def activations(self, images: Images) -> dict[str, Array]:
        """LAYER: float32 (n, …), in the order in which the post runs them."""
        names = [layer.name for layer in self.layers]
        values = self.session.run([f"activations/{name}" for name in names], {"images": images})
        return dict(zip(names, values, strict=True))

    def first_kernels(self) -> Array | None:
        """(filters, channels, height, width) of the first convolution; None without one."""
        for layer in self.layers:
            if layer.kind == "convolution" and layer.weight is not None:
                shape = [size or 1 for size in self.session.get_inputs()[0].shape[1:]]
                nothing = np.zeros((1, *shape), np.uint8)
                kernels: Array = self.session.run([layer.weight], {"images": nothing})[0]
                return kernels
        return None


def read(path: Path, *, model_sha256: str) -> Sidecar:
    """Raises SidecarError where the file was exported for other bytes than the model's."""
    session = open_session(path)
    properties = session.get_modelmeta().custom_metadata_map
    given = properties.get("model_sha256")
    if given != model_sha256:
        raise SidecarError(
            f"{path} was exported for the model {given!r}, and this one is {model_sha256!r}: "
            "export both again with `dvc repro -f export`"
        )
    layers = msgspec.json.decode(properties["layers"], type=tuple[Layer, ...])
    return Sidecar(session, layers)
