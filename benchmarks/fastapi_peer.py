"""The peer: the same ONNX file behind plain FastAPI and pydantic, as most would write it.

`MODEL=models/model.onnx uvicorn benchmarks.fastapi_peer:app`. Its session has one thread, as the
one core it is measured on asks for: onnxruntime's default would be slower there.
"""

import io
import os
from functools import cache
from typing import Annotated

import numpy as np
import onnxruntime as ort
from fastapi import Body, FastAPI
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel

app = FastAPI()


class Images(BaseModel):
    images: list[list[list[list[int]]]]


class Probabilities(BaseModel):
    probabilities: list[list[float]]


@app.post("/predict")
def predict(request: Images) -> Probabilities:
    return answer(np.array(request.images, dtype=np.uint8))


@app.post("/predict/png")
def predict_png(data: Annotated[bytes, Body(media_type="image/png")]) -> Probabilities:
    picture = Image.open(io.BytesIO(data)).convert("L")
    return answer(np.asarray(picture, dtype=np.uint8)[None, None])


@app.post("/predict/raw")
def predict_raw(
    data: Annotated[bytes, Body(media_type="application/octet-stream")],
) -> Probabilities:
    return answer(np.frombuffer(data, np.uint8).reshape(-1, *session().get_inputs()[0].shape[1:]))


def answer(images: NDArray[np.uint8]) -> Probabilities:
    (probabilities,) = session().run(["probabilities"], {"images": images})
    return Probabilities(probabilities=probabilities.tolist())


@cache
def session() -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
