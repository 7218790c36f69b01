"""MLflow's scoring protocol on a real server."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.serving.live import Answer, Server

Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


def invoke(server: Server, value: object, content_type: str = "application/json") -> Answer:
    body = json.dumps(value).encode()
    return server.ask("POST", "/invocations", body, content_type=content_type)


@pytest.mark.parametrize("form", ["inputs", "named", "instances", "split", "records", "flat"])
def test_each_form_gives_the_same_probabilities(
    server: Server, images: Images, expected: Probabilities, form: str
) -> None:
    """Tensors, named tensors, and data frames of nested or flat cells."""
    few = images[:3].tolist()
    flat = images[:3].reshape(3, -1).tolist()
    body = {
        "inputs": {"inputs": few},
        "named": {"inputs": {"images": few}, "params": {}},
        "instances": {"instances": few},
        "split": {
            "dataframe_split": {
                "columns": ["images"],
                "index": [0, 1, 2],
                "data": [[x] for x in few],
            }
        },
        "records": {"dataframe_records": [{"images": x} for x in few]},
        "flat": {"dataframe_records": [{"images": x} for x in flat]},
    }[form]
    answer = invoke(server, body, "application/json; charset=utf-8")
    assert answer.status == 200
    found = np.array(answer.json["predictions"]["probabilities"], np.float32)
    assert np.abs(found - expected[:3]).max() < 1e-6
    assert answer.headers["x-model-version"] == server.get("/model")["version"]


GOOD = [[[0] * 28] * 28]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"inputs": GOOD, "instances": GOOD},
        {"inputs": {"pixels": GOOD}},
        {"inputs": {"images": GOOD, "more": 1}},
        {"inputs": [GOOD, [[0]]]},
        {"instances": []},
        {"inputs": GOOD, "params": {"temperature": 2}},
        {"inputs": GOOD, "signature": 1},
        {"dataframe_split": {"columns": ["images", "x"], "data": [[GOOD, 1]]}},
        {"dataframe_split": {"columns": ["pixels"], "data": [[GOOD]]}},
        {"dataframe_split": {"columns": ["images"], "data": [[GOOD, GOOD]]}},
        {"dataframe_split": {"columns": ["images"], "data": []}},
        {"dataframe_split": {"columns": ["images"], "data": [["text!"]]}},
        {"dataframe_records": []},
        {"dataframe_records": [{"images": GOOD, "x": 1}]},
        {"dataframe_records": [{"pixels": GOOD}]},
        {"dataframe_records": [{"images": GOOD}] * 1025},
    ],
)
def test_anything_else_is_400(server: Server, body: object) -> None:
    """Exactly one form, one column, whole images, no more rows than the limit."""
    answer = invoke(server, body)
    assert (answer.status, set(answer.json)) == (400, {"error"})


def test_other_content_types_are_415(server: Server) -> None:
    """CSV is a content type of MLflow's, but no way to send images."""
    assert invoke(server, {}, "text/csv").status == 415


def test_the_operations_that_mlflow_expects(server: Server) -> None:
    """Ping, health and version answer as soon as a model is there."""
    for path in ("/ping", "/health", "/version"):
        assert server.ask("GET", path).status == 200
