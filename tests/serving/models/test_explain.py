"""Layer activations on request: right, bounded, lazy, and out of the way of predictions."""

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from serving.errors import ModelRefused
from serving.models.activations import load_activations
from tests.serving.live import Answer, Server, serving
from tests.serving.onnx_files import answers

Images = NDArray[np.uint8]
INFER = "/v2/models/digits-classifier/infer"


def activations_of(model: bytes, **changes: str) -> bytes:
    """The tiny model with `logits` as a layer, and its matrix as a parameter."""
    proto = onnx.load_from_string(model)
    digest = hashlib.sha256(model).hexdigest()
    (weight,) = [item for item in proto.graph.initializer if item.name == "w"]
    outputs: list[tuple[str, str, list[str | int | None]]] = [
        ("logits", "activations/fc1", ["batch", 10]),
        ("w", "parameters/fc1.weight", list(weight.dims)),
    ]
    for source, name, shape in outputs:
        proto.graph.node.append(helper.make_node("Identity", [source], [name]))
        proto.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    layers = [{"name": "fc1", "kind": "fully_connected", "inputs": ["input"], "shape": [10]}]
    del proto.metadata_props[:]
    metadata = {"model_sha256": digest, "layers": json.dumps(layers)} | changes
    helper.set_model_props(proto, metadata)
    return bytes(proto.SerializeToString())


@pytest.fixture(scope="module")
def explained(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose model has its sidecar beside it."""
    folder = tmp_path_factory.mktemp("explained")
    shutil.copy(tiny_model, folder / "model.onnx")
    (folder / "model.activations.onnx").write_bytes(activations_of(tiny_model.read_bytes()))
    with serving("--model", str(folder / "model.onnx"), "--no-access-log") as running:
        yield running


def infer(server: Server, images: Images, *names: str) -> Answer:
    """Ask for outputs by name, all in JSON."""
    tensor = {"name": "images", "datatype": "UINT8", "shape": list(images.shape)}
    asked = {
        "inputs": [tensor | {"data": images.ravel().tolist()}],
        "outputs": [{"name": name} for name in names],
    }
    return server.ask("POST", INFER, json.dumps(asked).encode())


def test_outputs_are_given_by_name(explained: Server, tiny_model: Path, images: Images) -> None:
    """In the order asked for; probabilities are the very ones that /predict gives."""
    reply = infer(
        explained, images[:3], "activations/fc1", "probabilities", "parameters/fc1.weight"
    )
    outputs = {one["name"]: one for one in reply.json["outputs"]}
    assert list(outputs) == ["activations/fc1", "probabilities", "parameters/fc1.weight"]
    logits, weight = (
        np.reshape(outputs[name]["data"], outputs[name]["shape"])
        for name in ("activations/fc1", "parameters/fc1.weight")
    )
    powers = np.exp(logits)
    expected = answers(tiny_model.read_bytes(), images[:3])
    assert powers / powers.sum(axis=1, keepdims=True) == pytest.approx(expected, abs=1e-5)
    assert weight.shape == (784, 10)
    assert np.reshape(outputs["probabilities"]["data"], (3, 10)) == pytest.approx(
        expected, abs=1e-6
    )


def test_metadata_list_them(explained: Server) -> None:
    """Activations with a batch axis, parameters as they are; only asked-for ones are given."""
    model = explained.get("/v2/models/digits-classifier")
    assert model["outputs"][1:] == [
        {"name": "activations/fc1", "datatype": "FP32", "shape": [-1, 10]},
        {"name": "parameters/fc1.weight", "datatype": "FP32", "shape": [784, 10]},
    ]
    image = np.zeros((1, 1, 28, 28), np.uint8)
    assert [one["name"] for one in infer(explained, image).json["outputs"]] == ["probabilities"]


@pytest.mark.parametrize("name", ["activations/other", "parameters/fc1.bias", "logits", ""])
def test_unknown_outputs_are_refused(explained: Server, images: Images, name: str) -> None:
    reply = infer(explained, images[:1], "activations/fc1", name)
    assert reply.status == 400
    assert name == "" or name not in reply.json["error"]


def test_without_a_sidecar(server: Server, images: Images) -> None:
    """The reply says so, metadata list probabilities alone, predictions go on."""
    reply = infer(server, images[:1], "activations/fc1")
    assert (reply.status, "no activations file" in reply.json["error"]) == (400, True)
    assert len(server.get("/v2/models/digits-classifier")["outputs"]) == 1
    about = server.get("/explain")["models"][0]
    assert about["layers"] is None
    assert "no activations file" in about["absent"]


def test_switched_off(tiny_model: Path, tmp_path: Path) -> None:
    """--no-explain: the file may lie there, nobody reads it."""
    shutil.copy(tiny_model, tmp_path / "model.onnx")
    (tmp_path / "model.activations.onnx").write_bytes(activations_of(tiny_model.read_bytes()))
    with serving("--model", str(tmp_path / "model.onnx"), "--no-explain") as running:
        assert "--no-explain" in running.get("/explain")["models"][0]["absent"]


def test_a_sidecar_that_comes_later_is_found(tiny_model: Path, tmp_path: Path) -> None:
    """Its absence is not remembered."""
    shutil.copy(tiny_model, tmp_path / "model.onnx")
    with serving("--model", str(tmp_path / "model.onnx")) as running:
        assert running.get("/explain")["models"][0]["layers"] is None
        (tmp_path / "model.activations.onnx").write_bytes(activations_of(tiny_model.read_bytes()))
        assert running.get("/explain")["models"][0]["layers"][0]["name"] == "fc1"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no model", "cannot be read"),
        ({"model_sha256": "0" * 64}, "another model"),
        ({"layers": "fc1"}, "does not list its layers"),
    ],
)
def test_bad_sidecars_are_refused(
    tiny_model: Path, content: bytes | dict[str, str], why: str
) -> None:
    """Broken, of other bytes, or without layers: refused in words for the page."""
    model = tiny_model.read_bytes()
    given = content if isinstance(content, bytes) else activations_of(model, **content)
    with pytest.raises(ModelRefused, match=why):
        load_activations(given, model_sha256=hashlib.sha256(model).hexdigest())


def test_samples_and_layers_for_the_page(explained: Server) -> None:
    """/explain gives the golden images and the layers as the file has them."""
    (model,) = explained.get("/explain")["models"]
    assert model["version"] == explained.get("/model")["version"]
    assert model["layers"][0]["kind"] == "fully_connected"
    assert len(model["golden"]["labels"]) > 0


def test_fitted_pictures(explained: Server, images: Images) -> None:
    """POST /fit gives the pixels that /predict would have classified."""
    text = json.dumps({"images": images[:2, 0].tolist()}).encode()
    reply = explained.ask("POST", "/fit", text, content_type="application/json")
    assert reply.body == images[:2].tobytes()
    assert (
        explained.ask("POST", "/fit?fit=wide", text, content_type="application/json").status == 400
    )
    assert (
        explained.ask("POST", "/fit?version=0", text, content_type="application/json").status == 404
    )


def test_a_key_guards_them(tiny_model: Path, images: Images) -> None:
    """Samples, layers and fitted pictures are for those who may ask for predictions."""
    with serving("--model", str(tiny_model), SERVING_API_KEY="secret") as running:
        assert running.ask("GET", "/explain").status == 401
        assert running.ask("POST", "/fit", images[0].tobytes()).status == 401
        assert running.ask("GET", "/explain", x_api_key="secret").status == 200
        assert running.ask("GET", "/").status == 200


def test_too_much_at_once(explained: Server, images: Images) -> None:
    """A flood of layer requests: each is answered or turned away, and predictions go on."""
    statuses: list[int] = []

    def flood() -> None:
        statuses.append(infer(explained, images, "activations/fc1").status)

    threads = [threading.Thread(target=flood) for _ in range(60)]
    for thread in threads:
        thread.start()
    good: list[Any] = [explained.predict({"images": images[0, 0].tolist()}) for _ in range(20)]
    for thread in threads:
        thread.join()
    assert {reply.status for reply in good} == {200}
    assert set(statuses) <= {200, 503}
    assert len(statuses) == 60
