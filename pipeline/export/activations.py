"""What each layer of a model makes of an image, read back from its activations file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract import sidecars
from contract.arrays import Images
from contract.metadata import MetadataError
from contract.sidecars import ACTIVATION, Layer
from pipeline.errors import PipelineError
from pipeline.export.onnx_run import Session, open_session

Array = NDArray[Any]


class ActivationsError(PipelineError):
    """The activations file does not belong to the model."""


@dataclass(frozen=True)
class Activations:
    session: Session
    layers: tuple[Layer, ...]

    def of(self, images: Images) -> dict[str, Array]:
        """LAYER: float32 (n, …), in the order in which the post runs them."""
        names = [layer.name for layer in self.layers]
        values = self.session.run([f"{ACTIVATION}{name}" for name in names], {"images": images})
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


def read(path: Path, *, model_sha256: str) -> Activations:
    """Raises ActivationsError where the file was exported for other bytes than the model's."""
    session = open_session(path)
    properties = session.get_modelmeta().custom_metadata_map
    try:
        layers = sidecars.layers(properties, model_sha256=model_sha256)
    except MetadataError as error:
        given = f"for the model {sidecars.model_of(properties)!r}, and this one is {model_sha256!r}"
        raise ActivationsError(
            f"{path} {error} ({given}): export both again with `dvc repro -f export`"
        ) from error
    return Activations(session, layers)
