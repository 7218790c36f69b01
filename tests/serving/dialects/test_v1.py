"""Prediction protocol V1 on a real server: pixels, pictures, refusals, the bounds of all doors."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.serving.dialects.files import text, written
from tests.serving.live import Answer, Server, serving
from tests.serving.onnx_files import build_model

Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]
PREDICT = "/v1/models/digits-classifier:predict"
GOOD = [[0] * 28] * 28
LIMIT = 1024


def predict(server: Server, value: object, path: str = PREDICT, **headers: str) -> Answer:
    return server.ask("POST", path, json.dumps(value).encode(), **headers)


def near(answer: Answer, wanted: Probabilities) -> None:
    assert answer.status == 200, answer
    found = np.array(answer.json["predictions"], np.float32)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 1e-6


def test_the_list_and_the_model(server: Server) -> None:
    """What KServe asks before it sends anybody here."""
    assert server.get("/v1/models") == {"models": ["digits-classifier"]}
    assert server.get("/v1/models/digits-classifier") == {
        "name": "digits-classifier",
        "ready": True,
    }
    for path in ("/v1/models/other", "/v1/models/digits-classifier:explain"):
        answer = server.ask("GET", path)
        assert (answer.status, set(answer.json)) == (404, {"error"})
    assert predict(server, {"instances": [GOOD]}, "/v1/models/other:predict").status == 404
    assert server.ask("GET", PREDICT).headers["allow"] == "POST"


@pytest.mark.parametrize("form", ["planes", "channels", "named", "signed"])
def test_pixels_in_each_form(
    server: Server, images: Images, expected: Probabilities, form: str
) -> None:
    """[H][W] or [C][H][W], named or not, with the signature that TensorFlow's clients write."""
    body: dict[str, Any] = {
        "planes": {"instances": images[:3, 0].tolist()},
        "channels": {"instances": images[:3].tolist()},
        "named": {"instances": [{"images": image} for image in images[:3].tolist()]},
        "signed": {"signature_name": "serving_default", "instances": images[:3].tolist()},
    }[form]
    answer = predict(server, body)
    near(answer, expected[:3])
    assert answer.headers["x-model-version"] == server.get("/model")["version"]


@pytest.mark.parametrize("form", ["b64", "named b64", "named", "plain"])
def test_pictures_in_each_form(
    door: Server, images: Images, wanted: Probabilities, form: str
) -> None:
    """TensorFlow Serving's {"b64": …}, alone or under the input's name; and plain strings."""
    strings = [text(written(image[0])) for image in images[:3]]
    forms: dict[str, list[Any]] = {
        "b64": [{"b64": one} for one in strings],
        "named b64": [{"images": {"b64": one}} for one in strings],
        "named": [{"images": one} for one in strings],
        "plain": strings,
    }
    near(predict(door, {"instances": forms[form]}), wanted[:3])


def test_rows_of_one_image_are_no_instances(server: Server) -> None:
    """A reply has one prediction for each instance: 28 rows are not one image."""
    answer = predict(server, {"instances": GOOD})
    assert answer.status == 400
    assert "the shape seen is [28, 28]" in answer.json["error"]


def test_three_planes_are_not_one_colour_image(tmp_path: Path) -> None:
    """Likewise where the model takes colours."""
    path = tmp_path / "model.onnx"
    path.write_bytes(build_model(shape=(3, 8, 8)))
    with serving("--model", str(path), "--no-access-log") as server:
        planes = np.zeros((3, 8, 8), int).tolist()
        assert predict(server, {"instances": planes}).status == 400
        answer = predict(server, {"instances": [planes, planes]})
        assert (answer.status, len(answer.json["predictions"])) == (200, 2)


@pytest.mark.parametrize(
    ("instances", "words"),
    [
        ([], "a list of 1 to 1024"),
        (GOOD[0], "the shape seen is [28]"),
        ([[0] * 784], "the images are flat"),
        ([np.zeros((28, 28, 1), int).tolist()], "the channels come last"),
        ([(np.ones((28, 28)) / 2).tolist()], "multiply by 255"),
        ([GOOD, [[0]]], "ragged"),
        ([{"b64": "no picture"}], "no base64"),
        ([{"b64": ""}], ""),
        ([{"b64": 7}], "the body must be"),
        ([{"b64": text(b"x"), "images": GOOD}], "all of one kind"),
        ([{}], "all of one kind"),
        ([{"pixels": GOOD}], "all of one kind"),
        ([{"images": {"b64": text(b"x"), "more": 1}}], "all of one kind"),
        ([{"images": {}}], "all of one kind"),
        ([{"images": None}], "something else than numbers"),
        ([{"images": GOOD}, {"b64": text(b"x")}], "all of one kind"),
        ([{"images": GOOD}, GOOD], "the body must be"),
        ([GOOD, {"images": GOOD}], "something else"),
        (["text!", GOOD], "a flat list"),
        ({}, "instances is a list"),
        ("text", "instances is a list"),
        (None, "instances is a list"),
        ([{"images": [[0]]}] * (LIMIT + 1), "of 1 to 1024"),
        ([{}] * (2 * LIMIT + 1), "more than 1024 instances"),
        ([{"b64": ""}] * (LIMIT + 1), "1025 pictures given"),
        ([GOOD] * (LIMIT + 1), "1 to 1024"),
    ],
)
def test_other_instances_are_400(server: Server, instances: object, words: str) -> None:
    """With the shape that was seen, the forms there are, or the bound."""
    answer = predict(server, {"instances": instances})
    assert (answer.status, set(answer.json)) == (400, {"error"})
    assert words in answer.json["error"]


@pytest.mark.parametrize(
    "body", [{"instances": [GOOD], "more": 1}, {"instances": [GOOD], "signature_name": "other"}]
)
def test_another_body_is_400(server: Server, body: object) -> None:
    """What is not understood is not passed over."""
    assert predict(server, body).status == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["b64", "images", "instances", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(JSON | st.fixed_dictionaries({"instances": JSON | st.lists(JSON, max_size=4)}))
def test_no_body_is_a_fault_of_the_server(server: Server, value: object) -> None:
    """Whatever JSON comes, NaN and infinity too: 400, for none of it is an image."""
    answer = predict(server, value)
    assert (answer.status, set(answer.json)) == (400, {"error"}), value


def test_the_key_the_deadline_and_the_counts_are_those_of_all_doors(
    slow_model: Path,
) -> None:
    """401 without the key, 504 for what no run can do, and a route of its own in the metrics."""
    with serving("--model", str(slow_model), "--no-access-log", "--api-key", "k") as server:
        name = server.get("/v1/models")["models"][0]
        path = f"/v1/models/{name}:predict"
        shape = server.get(f"/v2/models/{name}")["inputs"][0]["shape"][1:]
        body = {"instances": [np.zeros(shape, int).tolist()]}
        assert predict(server, body, path).status == 401
        late = predict(server, body, path, x_api_key="k", x_request_timeout="0.001")
        assert late.status == 504
        assert predict(server, body, path, x_api_key="k").status == 200
        sample = 'serving_requests_total{route="/v1/models/{name}:predict",status="200"}'
        metrics = server.ask("GET", "/metrics", x_api_key="k").body.decode()
        assert f"{sample} 1\n" in metrics
