"""Open Inference Protocol V2 on a real server, by hand: JSON, binary, classification, refusals."""

import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.serving.live import Answer, Server, serving
from tests.serving.onnx_files import build_model

Pack = Callable[[bytes], bytes]
Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]
INFER = "/v2/models/digits-classifier/infer"


def tensor(images: Images, **changes: object) -> dict[str, Any]:
    return {
        "name": "images",
        "shape": list(images.shape),
        "datatype": "UINT8",
        "data": images.ravel().tolist(),
    } | changes


def infer(server: Server, value: object, tail: bytes = b"", **headers: str) -> Answer:
    text = json.dumps(value).encode()
    if tail:
        headers.setdefault("inference_header_content_length", str(len(text)))
    return server.ask("POST", INFER, text + tail, **headers)


def test_metadata_states_shapes_versions_and_limits(server: Server) -> None:
    """What a client needs to know before it asks."""
    assert server.get("/v2")["extensions"] == [
        "binary_tensor_data",
        "classification",
        "model_configuration",
        "statistics",
    ]
    assert server.get("/v2/models")["models"] == ["digits-classifier"]
    model = server.get("/v2/models/digits-classifier/")
    version = server.get("/model")["version"]
    assert model["versions"] == [version]
    assert model["platform"] == "onnx_onnxv1"
    assert model["inputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, 1, 28, 28]}]
    assert model["outputs"][0] == {"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}
    assert model["parameters"]["max_batch"] == 1024
    assert server.get(f"/v2/models/digits-classifier/versions/{version}") == model
    for path in ("", f"/versions/{version}"):
        assert server.get(f"/v2/models/digits-classifier{path}/ready")["ready"] is True
    for path in ("/v2/models/other", "/v2/models/digits-classifier/versions/1", "/v2/nothing"):
        assert server.ask("GET", path).status == 404
    assert server.ask("GET", INFER).headers["allow"] == "POST"


@pytest.mark.parametrize("nested", [False, True])
def test_json_in_json_out(
    server: Server, images: Images, expected: Probabilities, *, nested: bool
) -> None:
    """Flat or nested data; id comes back; no Content-Type is needed."""
    data = {"data": images[:3].tolist()} if nested else {}
    answer = infer(server, {"id": "a-1", "inputs": [tensor(images[:3], **data)]})
    output = answer.json["outputs"][0]
    assert answer.json["id"] == "a-1"
    assert output["shape"] == [3, 10]
    found = np.array(output["data"], np.float32).reshape(3, 10)
    assert np.abs(found - expected[:3]).max() < 1e-6


@pytest.mark.parametrize("by_default", [False, True])
def test_binary_in_binary_out(
    server: Server, images: Images, expected: Probabilities, *, by_default: bool
) -> None:
    """The binary tensor extension, asked for by output or for all of them."""
    head = tensor(images)
    del head["data"]
    head["parameters"] = {"binary_data_size": images.size}
    asked: dict[str, Any] = {"inputs": [head]}
    if by_default:
        asked["parameters"] = {"binary_data_output": True}
    else:
        asked["outputs"] = [{"name": "probabilities", "parameters": {"binary_data": True}}]
    answer = infer(server, asked, images.tobytes(), content_type="text/html")
    length = int(answer.headers["inference-header-content-length"])
    output = json.loads(answer.body[:length])["outputs"][0]
    assert output["parameters"]["binary_data_size"] == len(answer.body) - length
    found = np.frombuffer(answer.body[length:], np.float32).reshape(output["shape"])
    assert np.abs(found - expected).max() < 1e-6


def test_a_raw_body_is_one_input(server: Server, images: Images, expected: Probabilities) -> None:
    """Header length 0: the body is the images, N follows, outputs are binary."""
    answer = server.ask("POST", INFER, images[:5].tobytes(), inference_header_content_length="0")
    length = int(answer.headers["inference-header-content-length"])
    found = np.frombuffer(answer.body[length:], np.float32).reshape(5, 10)
    assert np.abs(found - expected[:5]).max() < 1e-6


@pytest.mark.parametrize("binary", [False, True])
def test_classification_gives_score_index_label(
    server: Server, images: Images, expected: Probabilities, *, binary: bool
) -> None:
    """The k greatest as text; in binary each behind its length."""
    output = {"name": "probabilities", "parameters": {"classification": 2, "binary_data": binary}}
    answer = infer(server, {"inputs": [tensor(images[:1])], "outputs": [output]})
    if binary:
        length = int(answer.headers["inference-header-content-length"])
        tail = answer.body[length:]
        first = tail[4 : 4 + int.from_bytes(tail[:4], "little")].decode()
    else:
        assert answer.json["outputs"][0]["shape"] == [1, 2]
        first = answer.json["outputs"][0]["data"][0]
    score, index, label = first.split(":")
    assert float(score) == pytest.approx(expected[0].max(), abs=1e-6)
    assert index == label == str(expected[0].argmax())


@pytest.mark.parametrize(("name", "pack", "unpack"), [
    ("gzip", gzip.compress, gzip.decompress), ("deflate", zlib.compress, zlib.decompress),
])  # fmt: skip
def test_compressed_both_ways(
    server: Server, images: Images, name: str, pack: Pack, unpack: Pack
) -> None:
    """Content-Encoding is undone, Accept-Encoding obeyed."""
    body = pack(json.dumps({"inputs": [tensor(images)]}).encode())
    answer = server.ask("POST", INFER, body, content_encoding=name, accept_encoding=f"br, {name}")
    assert answer.headers["content-encoding"] == name
    assert json.loads(unpack(answer.body))["outputs"][0]["shape"] == [64, 10]


def test_what_is_not_worth_it_is_not_compressed(
    server: Server, images: Images, tmp_path: Path
) -> None:
    """Replies below 1 KB never; of V2 only inference replies: its clients undo no other."""
    for count, coding in ((1, None), (64, "gzip")):
        body = json.dumps({"inputs": [tensor(images[:count])]}).encode()
        answer = server.ask("POST", INFER, body, accept_encoding="gzip")
        assert answer.headers.get("content-encoding") == coding
    path, name = tmp_path / "model.onnx", "n" * 1100
    path.write_bytes(build_model(name=name))
    with serving("--model", str(path)) as other:
        for target in ("/v2/models", f"/v2/models/{name}"):
            answer = other.ask("GET", target, b"", accept_encoding="gzip")
            assert name in json.dumps(answer.json)
            assert "content-encoding" not in answer.headers
        assert "content-encoding" in other.ask("GET", "/model", b"", accept_encoding="gzip").headers


SMALL = np.zeros((1, 1, 28, 28), np.uint8)
HUGE = 2**62
BAD: dict[str, object] = {
    "root": [],
    "no inputs": {},
    "empty inputs": {"inputs": []},
    "two inputs": {"inputs": [tensor(SMALL), tensor(SMALL)]},
    "unknown input": {"inputs": [tensor(SMALL, name="pixels")]},
    "datatype": {"inputs": [tensor(SMALL, datatype="BOOL")]},
    "no datatype": {"inputs": [tensor(SMALL, datatype="FLOAT")]},
    "negative": {"inputs": [tensor(SMALL, shape=[-1, 1, 28, 28])]},
    "zero": {"inputs": [tensor(SMALL, shape=[0, 1, 28, 28], data=[])]},
    "huge": {"inputs": [tensor(SMALL, shape=[HUGE, 1, 28, 28])]},
    "huger": {"inputs": [tensor(SMALL, shape=[HUGE * 8, 1, 28, 28])]},
    "float shape": {"inputs": [tensor(SMALL, shape=[1.5, 1, 28, 28])]},
    "rank": {"inputs": [tensor(SMALL, shape=[1, 784])]},
    "no shape": {"inputs": [tensor(SMALL, shape=[])]},
    "too few": {"inputs": [tensor(SMALL, shape=[2, 1, 28, 28])]},
    "batch": {"inputs": [tensor(SMALL, shape=[1025, 1, 28, 28])]},
    "no data": {"inputs": [{k: v for k, v in tensor(SMALL).items() if k != "data"}]},
    "null data": {"inputs": [tensor(SMALL, data=None)]},
    "text data": {"inputs": [tensor(SMALL, data="0" * 784)]},
    "object data": {"inputs": [tensor(SMALL, data={"a": 1})]},
    "booleans": {"inputs": [tensor(SMALL, data=[True] * 784)]},
    "outputs": {"inputs": [tensor(SMALL)], "outputs": [{"name": "logits"}]},
    "twice": {"inputs": [tensor(SMALL)], "outputs": [{"name": "probabilities"}] * 2},
    "many": {"inputs": [tensor(SMALL)], "outputs": [{"name": "probabilities"}] * 100_000},
    "classes": {"inputs": [tensor(SMALL)], "outputs": [
        {"name": "probabilities", "parameters": {"classification": 0}}]},
    "flag": {"inputs": [tensor(SMALL)], "parameters": {"binary_data_output": "yes"}},
    "long id": {"id": "x" * 257, "inputs": [tensor(SMALL)]},
    "number id": {"id": 7, "inputs": [tensor(SMALL)]},
    "size without header": {"inputs": [tensor(SMALL, parameters={"binary_data_size": 784})]},
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_off_the_protocol_is_400(server: Server, case: str) -> None:
    """One JSON error that repeats nothing of what was sent."""
    answer = infer(server, BAD[case])
    assert (answer.status, set(answer.json)) == (400, {"error"})
    assert len(answer.body) < 400


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "999999999", "9" * 30, " ", "1"])
def test_a_wrong_header_length_is_400(server: Server, length: str) -> None:
    """Negative, no number, over the body, or in the midst of the JSON."""
    answer = infer(server, {"inputs": []}, b"x", inference_header_content_length=length)
    assert answer.status == 400


@pytest.mark.parametrize(
    ("changes", "tail"),
    [
        ({"parameters": {"binary_data_size": 784}}, bytes(783)),
        ({"parameters": {"binary_data_size": 783}}, bytes(783)),
        ({"parameters": {"binary_data_size": 784}}, bytes(785)),
        ({"parameters": {"binary_data_size": "784"}}, bytes(784)),
        ({"parameters": {"binary_data_size": True}}, bytes(1)),
        ({"parameters": {}}, bytes(784)),
        ({"parameters": {"binary_data_size": 784}, "data": [0] * 784}, bytes(784)),
        ({"parameters": {}, "data": [0] * 784}, bytes(784)),
    ],
)
def test_binary_sizes_must_agree(server: Server, changes: dict[str, object], tail: bytes) -> None:
    """With each other, with the shape and with the body; data and binary exclude each other."""
    head = tensor(SMALL) | changes
    if "data" not in changes:
        del head["data"]
    assert infer(server, {"inputs": [head]}, tail).status == 400
