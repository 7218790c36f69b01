"""A model that answers with the pixels it was given: one class for each, level / 255."""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from contract.metadata import DatasetMark, Golden, Metadata, Statistics
from contract.reading.probes import fingerprint
from contract.reading.rules import FORMATS, Rules
from contract.statistics import Histogram, Reference

Pixels = NDArray[np.uint8]  # (C, H, W)


def write(path: Path, rules: Rules, shape: tuple[int, int, int]) -> None:
    """As export writes a model of pictures: its metadata, its rules and what the probes gave."""
    count = int(np.prod(shape))
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["levels"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["levels"], ["flat"]),
            helper.make_node("Div", ["flat", "most"], ["probabilities"]),
        ],
        "pixels",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", *shape])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", count])],
        [numpy_helper.from_array(np.array(255, np.float32), "most")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, _metadata(rules, shape).properties())
    onnx.save_model(model, path)


def pixels(probabilities: NDArray[np.float64], shape: tuple[int, int, int]) -> Pixels:
    """What the server read, out of what it answered."""
    levels = probabilities.reshape(shape) * 255
    rounded: Pixels = np.rint(levels).astype(np.uint8)
    assert np.abs(levels - rounded).max() < 1e-3
    return rounded


def _metadata(rules: Rules, shape: tuple[int, int, int]) -> Metadata:
    image = np.arange(np.prod(shape)).reshape(1, *shape) % 256
    bins = Histogram(edges=(0.0, 16.0, 256.0), fractions=(0.5, 0.5))
    spread = Reference(intensity=bins, ink_mass=bins, centre_row=bins, centre_column=bins)
    return Metadata(
        model_name="pixels",
        net="none",
        classes=tuple(str(number) for number in range(image.size)),
        image_shape=shape,
        dataset=DatasetMark(
            name="folder",
            requested="folder",
            source="published",
            sha256="0" * 64,
            test_sha256="1" * 64,
        ),
        params_sha256="2" * 64,
        parameters=0,
        statistics=Statistics(mean=(0.5,), std=(0.3,), reference=spread),
        golden=Golden.of(
            image.astype(np.uint8), np.array([0]), (image.reshape(1, -1) / 255).astype(np.float32)
        ),
        reading=rules,
        trained_formats=FORMATS,
        probes=fingerprint(rules, shape),
    )
