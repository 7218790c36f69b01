"""activations_file: what each layer is said to compute is what its numbers add up to."""

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.export import activations_file, from_checkpoint, model_file, onnx_run, parity
from pipeline.nets.canvas import Input
from pipeline.nets.geometry import fit_canvas
from pipeline.nets.zoo import Fitted
from tests.pipeline.cases import classifier, prepared_set, torch_probabilities

if TYPE_CHECKING:
    from collections.abc import Callable

PREPARED = prepared_set(channels=3)
SHAPE = PREPARED.dataset.image_shape
IMAGES = PREPARED.val.images[:2]


class Shown:
    """Layers by name, and all outputs for IMAGES."""

    def __init__(self, net: torch.nn.Module) -> None:
        self.session = onnx_run.open_session(
            activations_file.activations_bytes(net, SHAPE, model_sha256="f" * 64)
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
def shown(request: pytest.FixtureRequest) -> Shown:
    nonlinearity, pooling, *strided = request.param.split("-")
    more = {"stride": 2, "padding": 1, "filters": (4,), "kernel": 5} if strided else {}
    net = classifier(PREPARED, nonlinearity=nonlinearity, pooling=pooling, **more).net
    return Shown(net)


def test_order_of_outputs(shown: Shown) -> None:
    """Probabilities, then activations in the order of the layers, then parameters."""
    activations = [f"activations/{layer['name']}" for layer in shown.layers]
    weighted = [
        f"parameters/{layer['name']}.{what}"
        for layer in shown.layers
        if layer["kind"] in activations_file.WEIGHTED
        for what in ("weight", "bias")
    ]
    assert shown.names == ["probabilities", *activations, *weighted]
    kinds = [layer["kind"] for layer in shown.layers]
    assert kinds[:4] == ["input", "convolution", "nonlinearity", "pooling"]  # the post's order
    assert kinds[-2:] == ["fully_connected", "softmax"]
    assert shown.properties["model_sha256"] == "f" * 64


def test_shapes_are_those_described(shown: Shown) -> None:
    """`shape` is an activation's, without the batch."""
    for layer in shown.layers:
        assert list(shown.after(layer["name"]).shape) == [len(IMAGES), *layer["shape"]]


def test_input_is_the_normalised_image(shown: Shown) -> None:
    """Its entry maps pixels of the image to what the first layer receives."""
    entry = shown.layers[0]
    top, left = entry["pad"]
    scale, (_, height, width) = entry["scale"], SHAPE
    assert scale == 1
    mean, std = (np.reshape(entry[key], (1, -1, 1, 1)) for key in ("mean", "std"))
    expected = (IMAGES / 255 - mean) / std
    given = shown.after("input")[:, :, top : top + height, left : left + width]
    np.testing.assert_allclose(given, expected, atol=1e-5)


def test_convolution_is_the_sum_of_products(shown: Shown) -> None:
    """Patch x kernel over all maps before, plus bias, in a plain loop, for units all over."""
    for layer in shown.of_kind("convolution"):
        before, after = shown.after(layer["inputs"][0]), shown.after(layer["name"])
        kernels, bias = shown.outputs[layer["weight"]], shown.outputs[layer["bias"]]
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


def test_pooling_is_what_it_says(shown: Shown) -> None:
    """Maximum, mean or sum of each window of the map before."""
    functions: dict[str, Callable[[NDArray[Any]], float]] = {
        "max": np.max,
        "average": np.mean,
        "sum": np.sum,
    }
    for layer in shown.of_kind("pooling"):
        before, after = shown.after(layer["inputs"][0]), shown.after(layer["name"])
        kernel, stride = layer["kernel"], layer["stride"]
        for image, number, row, column in np.ndindex(after.shape):
            window = before[image, number, row * stride :, column * stride :][:kernel, :kernel]
            expected = functions[layer["function"]](window)
            assert after[image, number, row, column] == pytest.approx(expected, abs=1e-4)


def test_nonlinearity_is_what_it_says(shown: Shown) -> None:
    """The named function of every value of the layer before."""
    for layer in shown.of_kind("nonlinearity"):
        before = torch.from_numpy(shown.after(layer["inputs"][0]))
        expected = getattr(torch.nn.functional, layer["function"])(before).numpy()
        np.testing.assert_allclose(shown.after(layer["name"]), expected, atol=1e-5)


def test_fully_connected_and_softmax_add_up(shown: Shown) -> None:
    """Weights times the flattened maps before, plus bias; at the end the probabilities."""
    for layer in shown.of_kind("fully_connected"):
        before = shown.after(layer["inputs"][0]).reshape(len(IMAGES), -1)
        weight, bias = shown.outputs[layer["weight"]], shown.outputs[layer["bias"]]
        np.testing.assert_allclose(shown.after(layer["name"]), before @ weight.T + bias, atol=1e-4)
    logits = shown.after(shown.layers[-1]["inputs"][0]).astype(np.float64)
    exponentials = np.exp(logits)
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shown.outputs["probabilities"], expected, atol=1e-6)
    np.testing.assert_array_equal(shown.after("softmax"), shown.outputs["probabilities"])


def test_probabilities_are_the_trained_networks() -> None:
    """The unfolded network in torch and its activations file in onnxruntime agree."""
    net = classifier(PREPARED).net
    expected = torch_probabilities(net, IMAGES)
    np.testing.assert_allclose(Shown(net).outputs["probabilities"], expected, atol=1e-5)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("resnet18", marks=pytest.mark.soak),
        *(
            pytest.param(name, marks=pytest.mark.soak_all)
            for name in ("alexnet", "zfnet", "googlenet", "vgg11", "densenet121")
        ),
    ],
)
def test_every_family_of_the_zoo_passes_the_gate(name: str) -> None:
    """Model and activations of every other net answer as torch does, at every batch size."""
    prepared = prepared_set(channels=3, size=32, images=10)
    net = classifier(prepared, name=name).net
    described = model_file.describe(
        prepared.dataset,
        net,
        name=None,
        hyperparameters={"model.name": name},
        params_sha256="2" * 64,
    )
    images = prepared.val.images
    gate = parity.Gate(images, torch_probabilities(net, images), tolerance=1e-5)
    gate.check(model_file.model_bytes(net, described, prepared.val, golden=3), name="model")
    shown = activations_file.activations_bytes(
        net, prepared.dataset.image_shape, model_sha256="f" * 64
    )
    gate.check(shown, name="activations")


class OwnConvolution(torch.nn.Conv2d):
    """A user's subclass that keeps no numbers where torch's have them."""

    def __init__(self) -> None:
        super().__init__(3, 4, 3)
        self.stride = None  # type: ignore[assignment]

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - torch's name
        return torch.nn.functional.conv2d(input, self.weight, self.bias)


def test_layers_that_cannot_be_shown_stop_no_model(capsys: pytest.CaptureFixture[str]) -> None:
    """The model is what it is; the file beside it has input and softmax, and a line says why."""
    entry = Input(fit_canvas(*SHAPE[1:], least=1), mean=[0.5] * 3, std=[0.2] * 3)
    classes = len(PREPARED.dataset.classes)
    body = torch.nn.Sequential(
        OwnConvolution(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
        torch.nn.Linear(4, classes),
    )  # fmt: skip
    trained = from_checkpoint.Trained(Fitted(entry, body).eval(), {"model.name": "own"}, "1" * 64)
    pair = from_checkpoint.export(trained, PREPARED, name=None, golden=2, tolerance=1e-5)
    assert "layers of this network cannot be shown" in capsys.readouterr().err
    session = onnx_run.open_session(pair.activations)
    layers = json.loads(session.get_modelmeta().custom_metadata_map["layers"])
    assert [layer["kind"] for layer in layers] == ["input", "softmax"]
    answers = onnx_run.open_session(pair.model).run(None, {"images": IMAGES})[0]
    (same,) = session.run(["probabilities"], {"images": IMAGES})
    np.testing.assert_allclose(answers, same, atol=1e-6)
