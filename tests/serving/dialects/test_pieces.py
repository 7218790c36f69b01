"""Large replies are made in pieces, off the event loop, and are the same bytes."""

import asyncio
import json
from pathlib import Path

import numpy as np
import orjson
import pytest

from serving.dialects.mlflow_api import _written
from serving.dialects.pieces import AT_ONCE, json_items, made
from serving.dialects.predictions import body
from serving.dialects.v2.reading import Inference, Wanted
from serving.dialects.v2.writing import reply
from serving.models.model import load
from tests.serving.live import Server, serving
from tests.serving.onnx_files import build_model

LARGE = 3 * AT_ONCE + 7
CLASSES = 1000


@pytest.mark.parametrize("shape", [(1,), (LARGE,), (7, 3), (100, CLASSES), (2, 2 * AT_ONCE)])
def test_pieces_add_up_to_what_one_call_writes(shape: tuple[int, ...]) -> None:
    """Also where one item is larger than a piece, and for numbers that JSON has no words for."""
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    array.flat[0] = np.nan
    whole = orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY)
    assert b"[%b]" % b"".join(json_items(array)) == whole


def test_the_loop_goes_on_meanwhile() -> None:
    """Others have their turns while a large reply is made; a small one is made at once."""

    async def turns(numbers: int) -> int:
        array = np.random.default_rng(0).random(numbers).astype(np.float32)
        count, done = 0, asyncio.create_task(made(lambda: list(json_items(array)), numbers=numbers))
        await asyncio.sleep(0)
        while not done.done():
            count += 1
            await asyncio.sleep(0)
        return count

    assert asyncio.run(turns(1 << 20)) > 0
    assert asyncio.run(turns(AT_ONCE)) == 0


def test_v2_writes_large_outputs_as_small_ones() -> None:
    """JSON and binary outputs side by side, with and without an id."""
    facts = load(build_model(), threads=1).facts
    generator = np.random.default_rng(0)
    arrays = {name: generator.random((3, LARGE)).astype(np.float32) for name in "ab"}
    for wanted in (("a", False), ("b", False)), (("a", True), ("b", False)), (("b", True),):
        outputs = tuple(Wanted(name, is_binary=binary) for name, binary in wanted)
        found = reply(Inference(np.zeros(1, np.uint8), outputs, (), "an id"), arrays, facts)
        fields = dict(found.headers)
        length = int(fields.get(b"inference-header-content-length", len(found.body)))
        text = json.loads(found.body[:length])
        assert (text["model_name"], text["id"]) == (facts.name, "an id")
        tail = memoryview(found.body)[length:]
        for one, (name, binary) in zip(text["outputs"], wanted, strict=True):
            assert (one["name"], one["shape"]) == (name, [3, LARGE])
            if binary:
                size = one["parameters"]["binary_data_size"]
                flat, tail = np.frombuffer(tail[:size], np.float32), tail[size:]
            else:
                flat = np.array(one["data"], np.float32)
            assert (flat == arrays[name].ravel()).all()
        assert not len(tail)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a model of many classes."""
    path = tmp_path_factory.mktemp("wide") / "model.onnx"
    path.write_bytes(build_model(classes=CLASSES, shape=(1, 8, 8)))
    return path


def test_every_door_gives_the_same_large_reply(wide: Path) -> None:
    """A hundred images of a thousand classes: all agree."""
    images = np.random.default_rng(3).integers(0, 256, (100, 1, 8, 8)).astype(np.uint8)
    model = load(wide.read_bytes(), threads=1)
    expected = model(images)
    with serving("--model", str(wide), "--no-access-log") as server:
        assert np.abs(predicted(server, images.tobytes()) - expected).max() < 1e-6
        text = json.dumps({"inputs": images.tolist()}).encode()
        answer = server.ask("POST", "/invocations", text, content_type="application/json")
        rows = np.array(answer.json["predictions"]["probabilities"], np.float32)
        assert np.abs(rows - expected).max() < 1e-6
        path = "/v2/models/digits-classifier/infer"
        answer = server.ask("POST", path, images.tobytes(), inference_header_content_length="0")
        start = int(answer.headers["inference-header-content-length"])
        rows = np.frombuffer(answer.body[start:], np.float32).reshape(100, CLASSES)
        assert np.abs(rows - expected).max() < 1e-6
    assert orjson.loads(body(expected, model.facts, 3))["predictions"][99]["index"] == int(
        expected[99].argmax()
    )
    written = orjson.dumps(
        {"predictions": {"probabilities": expected}}, option=orjson.OPT_SERIALIZE_NUMPY
    )
    assert _written(expected) == written


def predicted(server: Server, raw: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    answer = server.ask("POST", "/predict", raw, content_type="application/octet-stream")
    return answer.probabilities
