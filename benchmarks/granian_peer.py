"""The peer: the same ONNX file behind granian's RSGI, a Rust server, with little Python.

`MODEL=models/model.onnx granian --interface rsgi benchmarks.granian_peer:app`. No framework, no
validation, no limits, no batching: what is left of a server when only speed counts.
"""

import io
import os
from functools import cache
from typing import Any

import numpy as np
import onnxruntime as ort
import orjson
from numpy.typing import NDArray
from PIL import Image

_FIELDS = [("content-type", "application/json")]


async def app(scope: Any, protocol: Any) -> None:  # noqa: ANN401 -- granian's, without types
    body = await protocol()
    if scope.path == "/predict":
        images = np.array(orjson.loads(body)["images"], dtype=np.uint8)
    elif scope.path == "/predict/png":
        picture = Image.open(io.BytesIO(body)).convert("L")
        images = np.asarray(picture, dtype=np.uint8)[None, None]
    else:
        images = np.frombuffer(body, np.uint8).reshape(-1, *session().get_inputs()[0].shape[1:])
    protocol.response_bytes(200, _FIELDS, answer(images))


def answer(images: NDArray[np.uint8]) -> bytes:
    (probabilities,) = session().run(["probabilities"], {"images": images})
    return orjson.dumps({"probabilities": probabilities}, option=orjson.OPT_SERIALIZE_NUMPY)


@cache
def session() -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
