"""A file with the output familiarity: who is told of it, and what is counted; and files without."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
import tritonclient.http as triton
from numpy.typing import NDArray
from PIL import Image

from contract.metadata import Limits
from serving import Classifier
from serving.counts.sheet import Recorder, Sheet
from serving.errors import ModelRefused, Unavailable
from serving.models.model import load
from serving.watch.inbox import Inbox
from tests.serving.live import Server, serving
from tests.serving.onnx_files import answers, build_model

Images = NDArray[np.uint8]
RAW = {"content_type": "application/octet-stream"}
NAME = "digits-classifier"


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inbox")


@pytest.fixture(scope="module")
def judge(judge_model: Path, inbox: Path) -> Iterator[Server]:
    with serving("--model", str(judge_model), "--feedback", str(inbox)) as running:
        yield running


@pytest.fixture(scope="module")
def pair() -> Images:
    """A dark image, which the model does not know, and a bright one."""
    found = np.full((2, 1, 28, 28), 30, np.uint8)
    found[1] = 200
    found[:, :, 3:9, 4:17] ^= 9
    return found


def infer(server: Server, images: Images, **more: object) -> Any:  # noqa: ANN401 -- JSON
    tensor = {"name": "images", "datatype": "UINT8", "shape": images.shape}
    body = {"inputs": [{**tensor, "data": images.ravel().tolist()}], **more}
    answer = server.ask("POST", f"/v2/models/{NAME}/infer", json.dumps(body).encode())
    return answer.json


def test_predict_tells_all_three(judge: Server, judge_model: Path, pair: Images) -> None:
    """Familiarity as the file gives it, the classes of 0.2 and more, and whether it is known."""
    rows = answers(judge_model.read_bytes(), pair)
    found = judge.ask("POST", "/predict", pair.tobytes(), **RAW).json["predictions"]
    assert [one["known"] for one in found] == [False, True]
    for one, image, row in zip(found, pair, rows, strict=True):
        assert one["familiarity"] == pytest.approx(image.mean() / 255, abs=1e-5)
        assert one["set"] == [str(index) for index in np.flatnonzero(row >= 0.2)]
        assert list(one["probabilities"].values()) == pytest.approx(row.tolist(), abs=1e-6)
    some = judge.ask("POST", "/predict?top_k=2", pair.tobytes(), **RAW).json["predictions"]
    assert [one["familiarity"] for one in some] == [one["familiarity"] for one in found]
    assert len(some[0]["probabilities"]) == 2


def test_the_others_give_probabilities_alone(judge: Server, pair: Images) -> None:
    """V2 that names no outputs, V2's raw body, and /invocations."""
    outputs = infer(judge, pair)["outputs"]
    assert [(one["name"], one["shape"]) for one in outputs] == [("probabilities", [2, 10])]
    raw = {"inference_header_content_length": "0"}
    answer = judge.ask("POST", f"/v2/models/{NAME}/infer", pair.tobytes(), **raw)
    head = json.loads(answer.body[: int(answer.headers["inference-header-content-length"])])
    assert [one["name"] for one in head["outputs"]] == ["probabilities"]
    assert len(answer.body.partition(b"}]}")[2]) == 2 * 10 * 4
    body = json.dumps({"inputs": pair.tolist()}).encode()
    answer = judge.ask("POST", "/invocations", body, content_type="application/json")
    assert list(answer.json["predictions"]) == ["probabilities"]
    assert np.array(answer.json["predictions"]["probabilities"]).shape == (2, 10)


@pytest.mark.parametrize("names", [["familiarity"], ["familiarity", "probabilities"]])
def test_v2_gives_it_by_name(judge: Server, pair: Images, names: list[str]) -> None:
    """In the order asked for; the metadata say what there is."""
    outputs = infer(judge, pair, outputs=[{"name": name} for name in names])["outputs"]
    assert [one["name"] for one in outputs] == names
    assert (outputs[0]["datatype"], outputs[0]["shape"]) == ("FP32", [2])
    assert outputs[0]["data"] == pytest.approx(pair.mean(axis=(1, 2, 3)) / 255, abs=1e-5)
    described = judge.get(f"/v2/models/{NAME}")["outputs"]
    assert [(one["name"], one["shape"]) for one in described[:2]] == [
        ("probabilities", [-1, 10]),
        ("familiarity", [-1]),
    ]


@pytest.mark.parametrize("binary", [False, True])
def test_another_client_gets_it(judge: Server, pair: Images, *, binary: bool) -> None:
    """tritonclient, as it is."""
    tensor = triton.InferInput("images", list(pair.shape), "UINT8")
    tensor.set_data_from_numpy(pair, binary_data=binary)
    output = triton.InferRequestedOutput("familiarity", binary_data=binary)
    with triton.InferenceServerClient(f"127.0.0.1:{judge.port}") as client:
        found = client.infer(NAME, [tensor], outputs=[output]).as_numpy("familiarity")
    np.testing.assert_allclose(found, pair.mean(axis=(1, 2, 3)) / 255, atol=1e-5)


def test_a_file_without_it_is_served_as_before(server: Server, images: Images) -> None:
    """No new keys, one output, and a word to whoever asks for another."""
    (found,) = server.ask("POST", "/predict", images[:1].tobytes(), **RAW).json["predictions"]
    assert list(found) == ["label", "index", "probability", "probabilities"]
    said = infer(server, images[:1], outputs=[{"name": "familiarity"}])
    assert "only output is probabilities" in said["error"]


def test_sets_without_familiarity(tmp_path: Path, images: Images) -> None:
    """Of a net that does not end in a linear layer: null for what it cannot tell."""
    path = tmp_path / "model.onnx"
    conformal = {"coverage": 0.9, "least": 0.2, "images": 100}
    path.write_bytes(build_model(limits={"familiarity": None, "conformal": conformal}))
    with serving("--model", str(path), "--no-access-log") as running:
        (found,) = running.ask("POST", "/predict", images[:1].tobytes(), **RAW).json["predictions"]
    assert found["familiarity"] is found["known"] is None
    assert found["set"] == [name for name, p in found["probabilities"].items() if p >= 0.2]


def test_python_says_what_the_server_says(judge: Server, judge_model: Path, pair: Images) -> None:
    """The same three, digit for digit."""
    found = judge.ask("POST", "/predict", pair.tobytes(), **RAW).json["predictions"]
    here = Classifier(judge_model, threads=1).predict(pair)
    for one, other in zip(found, here, strict=True):
        assert one["familiarity"] == pytest.approx(other.familiarity, abs=1e-6)
        assert (tuple(one["set"]), one["known"]) == (other.set, other.known)


def test_the_unknown_are_counted(judge_model: Path, pair: Images) -> None:
    """In metrics, in drift's index with its expected share, and in the log's line."""
    many = np.repeat(pair[:1], 150, axis=0)
    with serving("--model", str(judge_model)) as running:
        for _ in range(2):
            running.ask("POST", "/predict", many.tobytes(), **RAW)
        running.ask("POST", "/predict", pair[1:].tobytes(), **RAW)
        assert running.metric('serving_unknown_images_total{role="primary"}') == 300
        drift = running.get("/drift")
        running.stop()
    assert drift["features"]["unknown"]["expected"] == [0.05, 0.95]
    lines = [json.loads(line) for line in running.log if line.startswith("{")]
    unknown = [line.get("unknown") for line in lines if line["path"] == "/predict"]
    assert unknown == [150, 150, None]


def test_feedback_says_what_was_unknown(judge: Server, inbox: Path, pair: Images) -> None:
    """Beside the picture, for whoever reviews it."""
    for image, known in zip(pair, ("false", "true"), strict=True):
        body = {
            "image": base64.b64encode(image.tobytes()).decode(),
            "label": "3",
            "version": "0" * 12,
        }
        text = json.dumps(body).encode()
        reply = judge.ask("POST", "/feedback", text, content_type="application/json")
        with Image.open(next(inbox.glob(f"*/*/{reply.json['id']}.png"))) as picture:
            assert picture.info["known"] == known
            assert float(picture.info["familiarity"]) == pytest.approx(image.mean() / 255, abs=1e-4)


def test_a_full_inbox_keeps_room_for_the_unknown(tmp_path: Path) -> None:
    """Of ten places two are theirs; known ones are refused with the reason."""
    inbox = Inbox(tmp_path, Recorder(Sheet(1), 0), most_images=10, most_bytes=1 << 20)
    inbox.open()
    for number in range(8):
        assert inbox.put(Path(f"a/b/{number}.png"), b"1", is_known=True)
    with pytest.raises(Unavailable, match="kept for images the model does not know"):
        inbox.put(Path("a/b/known.png"), b"1", is_known=True)
    for number in range(2):
        assert inbox.put(Path(f"a/b/unknown{number}.png"), b"1")
    with pytest.raises(Unavailable, match="full"):
        inbox.put(Path("a/b/more.png"), b"1")


def spoilt(said: dict[str, Any] | None, **metadata: str) -> bytes:
    model = onnx.load_model_from_string(build_model(limits=said))
    entries = {one.key: one.value for one in model.metadata_props} | metadata
    onnx.helper.set_model_props(model, entries)
    return bytes(model.SerializeToString())


FAMILIAR = {"familiarity": {"method": "m", "kept": 0.9, "threshold": 0.4, "images": 9},
            "conformal": None}  # fmt: skip


def test_output_and_metadata_belong_together() -> None:
    """A threshold without the output, the output without a threshold, and other golden values."""
    expected = msgspec.convert(FAMILIAR, Limits)
    assert load(spoilt(FAMILIAR), threads=1).facts.limits == expected
    with pytest.raises(ModelRefused, match="familiarity, float32"):
        load(spoilt(None, limits=json.dumps(FAMILIAR)), threads=1)
    with pytest.raises(ModelRefused, match="its outputs are"):
        load(spoilt(FAMILIAR, limits="null"), threads=1)
    model = onnx.load_model_from_string(build_model(limits=FAMILIAR))
    golden = {one.key: one.value for one in model.metadata_props}["golden"]
    wrong = json.loads(golden) | {"familiarity": [0.9] * 10}
    with pytest.raises(ModelRefused, match="a golden familiarity is off"):
        load(spoilt(FAMILIAR, golden=json.dumps(wrong)), threads=1)
