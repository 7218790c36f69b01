"""twin_file: what each layer is said to compute is what its numbers add up to."""

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.export import model_file, onnx_run, parity, twin_file
from tests.pipeline.cases import classifier, prepared_set

if TYPE_CHECKING:
    from collections.abc import Callable

PREPARED = prepared_set(channels=3)
SHAPE = PREPARED.dataset.image_shape
IMAGES = PREPARED.val.images[:2]


class Twin:
    """Layers by name, and all outputs for IMAGES."""

    def __init__(self, net: torch.nn.Module) -> None:
        self.session = onnx_run.open_session(
            twin_file.twin_bytes(net, SHAPE, model_sha256="f" * 64)
        )
        self.properties = self.session.get_modelmeta().custom_metadata_map
        self.layers: list[dict[str, Any]] = json.loads(self.properties["layers"])
        self.names = [output.name for output in self.session.get_outputs()]
        values = self.session.run(self.names, {"images": IMAGES})
        self.outputs: dict[str, NDArray[Any]] = dict(zip(self.names, values, strict=True))

    def after(self, name: str) -> NDArray[Any]:
        return self.outputs[f"activations/{name}"]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [layer for layer in self.layers if layer["kind"] == kind]


@pytest.fixture(scope="module", params=["relu-max", "gelu-sum", "tanh-average-strided"])
def twin(request: pytest.FixtureRequest) -> Twin:
    nonlinearity, pooling, *strided = request.param.split("-")
    more = {"stride": 2, "padding": 1, "filters": (4,), "kernel": 5} if strided else {}
    net = classifier(PREPARED, nonlinearity=nonlinearity, pooling=pooling, **more).net
    return Twin(net)


def test_order_of_outputs(twin: Twin) -> None:
    """Probabilities, then activations in the order of the layers, then parameters."""
    activations = [f"activations/{layer['name']}" for layer in twin.layers]
    weighted = [
        f"parameters/{layer['name']}.{what}"
        for layer in twin.layers
        if layer["kind"] in twin_file.WEIGHTED
        for what in ("weight", "bias")
    ]
    assert twin.names == ["probabilities", *activations, *weighted]
    kinds = [layer["kind"] for layer in twin.layers]
    assert kinds[:4] == ["input", "convolution", "nonlinearity", "pooling"]  # the post's order
    assert kinds[-2:] == ["fully_connected", "softmax"]
    assert twin.properties["model_sha256"] == "f" * 64


def test_shapes_are_those_described(twin: Twin) -> None:
    """`shape` is an activation's, without the batch."""
    for layer in twin.layers:
        assert list(twin.after(layer["name"]).shape) == [len(IMAGES), *layer["shape"]]


def test_input_is_the_normalised_image(twin: Twin) -> None:
    """Its entry maps pixels of the image to what the first layer receives."""
    entry = twin.layers[0]
    top, left = entry["pad"]
    scale, (_, height, width) = entry["scale"], SHAPE
    assert scale == 1
    mean, std = (np.reshape(entry[key], (1, -1, 1, 1)) for key in ("mean", "std"))
    expected = (IMAGES / 255 - mean) / std
    given = twin.after("input")[:, :, top : top + height, left : left + width]
    np.testing.assert_allclose(given, expected, atol=1e-5)


def test_convolution_is_the_sum_of_products(twin: Twin) -> None:
    """Patch x kernel over all maps before, plus bias, in a plain loop, for units all over."""
    for layer in twin.of_kind("convolution"):
        before, after = twin.after(layer["inputs"][0]), twin.after(layer["name"])
        kernels, bias = twin.outputs[layer["weight"]], twin.outputs[layer["bias"]]
        padding, stride, (tall, wide) = layer["padding"], layer["stride"], layer["kernel"]
        zeros = ((0, 0), (0, 0), (padding, padding), (padding, padding))
        padded = np.pad(before, zeros)
        filters, rows, columns = layer["shape"]
        for unit in [(0, 0, 0), (filters - 1, rows - 1, columns - 1), (1, rows // 2, 0)]:
            number, row, column = unit
            patch = padded[1, :, row * stride :, column * stride :][:, :tall, :wide]
            total = float(bias[number])
            for index in np.ndindex(patch.shape):
                total += float(patch[index]) * float(kernels[number][index])
            assert after[1][unit] == pytest.approx(total, abs=1e-4)


def test_pooling_is_what_it_says(twin: Twin) -> None:
    """Maximum, mean or sum of each window of the map before."""
    functions: dict[str, Callable[[NDArray[Any]], float]] = {
        "max": np.max,
        "average": np.mean,
        "sum": np.sum,
    }
    for layer in twin.of_kind("pooling"):
        before, after = twin.after(layer["inputs"][0]), twin.after(layer["name"])
        kernel, stride = layer["kernel"], layer["stride"]
        for image, number, row, column in np.ndindex(after.shape):
            window = before[image, number, row * stride :, column * stride :][:kernel, :kernel]
            expected = functions[layer["function"]](window)
            assert after[image, number, row, column] == pytest.approx(expected, abs=1e-4)


def test_nonlinearity_is_what_it_says(twin: Twin) -> None:
    """The named function of every value of the layer before."""
    for layer in twin.of_kind("nonlinearity"):
        before = torch.from_numpy(twin.after(layer["inputs"][0]))
        expected = getattr(torch.nn.functional, layer["function"])(before).numpy()
        np.testing.assert_allclose(twin.after(layer["name"]), expected, atol=1e-5)


def test_fully_connected_and_softmax_add_up(twin: Twin) -> None:
    """Weights times the flattened maps before, plus bias; at the end the probabilities."""
    for layer in twin.of_kind("fully_connected"):
        before = twin.after(layer["inputs"][0]).reshape(len(IMAGES), -1)
        weight, bias = twin.outputs[layer["weight"]], twin.outputs[layer["bias"]]
        np.testing.assert_allclose(twin.after(layer["name"]), before @ weight.T + bias, atol=1e-4)
    logits = twin.after(twin.layers[-1]["inputs"][0]).astype(np.float64)
    exponentials = np.exp(logits)
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(twin.outputs["probabilities"], expected, atol=1e-6)
    np.testing.assert_array_equal(twin.after("softmax"), twin.outputs["probabilities"])


def test_probabilities_are_the_trained_networks() -> None:
    """The unfolded network in torch and its twin in onnxruntime agree."""
    net = classifier(PREPARED).net
    expected = model_file.torch_probabilities(net, IMAGES)
    np.testing.assert_allclose(Twin(net).outputs["probabilities"], expected, atol=1e-5)


@pytest.mark.soak
@pytest.mark.parametrize(
    "name", ["alexnet", "zfnet", "googlenet", "vgg11", "resnet18", "densenet121"]
)
def test_every_family_of_the_zoo_passes_the_gate(name: str) -> None:
    """Model and twin of every other net answer as torch does, at every batch size."""
    prepared = prepared_set(channels=3, size=32, images=10)
    net = classifier(prepared, name=name).net
    described = model_file.describe(
        prepared.dataset, net, name=None, net_name=name, params_sha256="2" * 64
    )
    images = prepared.val.images
    gate = parity.Gate(images, model_file.torch_probabilities(net, images), tolerance=1e-5)
    gate.check(model_file.model_bytes(net, described, prepared.val, golden=3), name="model")
    twin = twin_file.twin_bytes(net, prepared.dataset.image_shape, model_sha256="f" * 64)
    gate.check(twin, name="twin")
