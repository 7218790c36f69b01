"""What each layer computes, in numpy, from the numbers in the ONNX files alone."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import numpy_helper

Array = NDArray[np.float64]


@dataclass
class Reference:
    """The activations of `model`, for one image (C, H, W)."""

    model: Path
    image: NDArray[np.uint8]

    @cached_property
    def _proto(self) -> Any:  # noqa: ANN401 -- onnx has no types
        return onnx.load(self.model.with_suffix(".activations.onnx"))

    @cached_property
    def layers(self) -> dict[str, dict[str, Any]]:
        properties = {item.key: item.value for item in self._proto.metadata_props}
        return {layer["name"]: layer for layer in json.loads(properties["layers"])}

    @cached_property
    def values(self) -> dict[str, Array]:
        """Every output of the activations file for the image."""
        session = ort.InferenceSession(self._proto.SerializeToString())
        names = [output.name for output in session.get_outputs()]
        found = session.run(names, {"images": self.image[None]})
        pairs = zip(names, found, strict=True)
        return {
            name: value.astype(np.float64)
            if name.startswith("parameters/")
            else value[0].astype(np.float64)
            for name, value in pairs
        }

    def parameter(self, name: str) -> Array:
        """A folded weight or bias, read from the file's initialisers."""
        graph = self._proto.graph
        (node,) = [node for node in graph.node if name in node.output]
        (tensor,) = [item for item in graph.initializer if item.name == node.input[0]]
        return np.asarray(numpy_helper.to_array(tensor), np.float64)

    def before(self, layer: str) -> Array:
        return self.values[f"activations/{self.layers[layer]['inputs'][0]}"]

    def unit(self, layer: str, map_index: int, row: int, column: int) -> float:
        """One unit, computed here from the layer before it."""
        entry = self.layers[layer]
        compute = getattr(self, f"_{entry['kind']}")
        return float(compute(entry, map_index, row, column))

    def _input(self, entry: dict[str, Any], channel: int, row: int, column: int) -> float:
        canvas = np.zeros(entry["shape"])
        top, left = entry["pad"]
        _, height, width = self.image.shape
        canvas[:, top : top + height, left : left + width] = self.image
        pixel = canvas[channel, row, column] / 255
        return float((pixel - entry["mean"][channel]) / entry["std"][channel])

    def _convolution(self, entry: dict[str, Any], filter_: int, row: int, column: int) -> float:
        weight = self.parameter(entry["weight"])[filter_]
        bias = self.parameter(entry["bias"])[filter_]
        pad, stride = entry["padding"], entry["stride"]
        maps = np.pad(self.before(entry["name"]), ((0, 0), (pad, pad), (pad, pad)))
        _, high, wide = weight.shape
        top, left = row * stride, column * stride
        return float((maps[:, top : top + high, left : left + wide] * weight).sum() + bias)

    def _nonlinearity(self, entry: dict[str, Any], channel: int, row: int, column: int) -> float:
        before = self.before(entry["name"])
        value = before[channel, row, column] if before.ndim == 3 else before[column]
        assert entry["function"] == "relu"
        return float(max(0.0, value))

    def _pooling(self, entry: dict[str, Any], channel: int, row: int, column: int) -> float:
        assert entry["function"] == "max"
        size, stride = (np.ravel(entry[key])[0] for key in ("kernel", "stride"))
        top, left = row * stride, column * stride
        window = self.before(entry["name"])[channel, top : top + size, left : left + size]
        return float(window.max())

    def _fully_connected(self, entry: dict[str, Any], _map: int, _row: int, unit: int) -> float:
        weight, bias = self.parameter(entry["weight"]), self.parameter(entry["bias"])
        return float(weight[unit] @ self.before(entry["name"]).ravel() + bias[unit])

    def _softmax(self, entry: dict[str, Any], _map: int, _row: int, unit: int) -> float:
        powers = np.exp(self.before(entry["name"]))
        return float(powers[unit] / powers.sum())
