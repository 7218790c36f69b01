"""Who is measured: how each is started, and how it is asked for the same four things."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.wrk import Call

Images = NDArray[np.uint8]  # (N, C, H, W)
Probabilities = NDArray[np.float32]  # (N, classes)

CASES = ("one image JSON", "one PNG", "64 images JSON", "64 images binary")
BATCH = 64
AS_JSON = {"Content-Type": "application/json"}
AS_PNG = {"Content-Type": "image/png"}
AS_RAW = {"Content-Type": "application/octet-stream"}


@dataclass(frozen=True)
class Peer:
    """A server: its command line, and what it is sent for each case that it can do."""

    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    calls: Mapping[str, Call]
    read: Callable[[bytes], Probabilities]  # any of its replies


def peers(model: Path, images: Images, port: int, folder: Path, *, workers: int = 1) -> list[Peer]:
    """List those that are installed, this project's server first."""
    found = [ours(model, images, port, workers=workers)]
    if find_spec("fastapi") and find_spec("uvicorn"):
        found.append(fastapi(model, images, port))
    if find_spec("granian"):
        found.append(granian(model, images, port))
    if find_spec("mlflow") and find_spec("onnx"):
        found.append(mlflow(model, images, port, folder))
    return found


def ours(model: Path, images: Images, port: int, *, workers: int = 1) -> Peer:
    """JSON and PNG by /predict; binary by V2's tensor extension."""
    flags = ("--model", str(model), "--port", str(port), "--workers", str(workers))
    command = (sys.executable, "-m", "serving", *flags, "--no-access-log")
    calls = {
        CASES[0]: Call("/predict", AS_JSON, as_json("images", images[:1]), 1),
        CASES[1]: Call("/predict", AS_PNG, as_png(images[0]), 1),
        CASES[2]: Call("/predict", AS_JSON, as_json("images", images), BATCH),
        CASES[3]: binary(images),
    }
    return Peer("this server", command, {}, calls, read_ours)


def binary(images: Images) -> Call:
    """V2's tensor extension, both ways; it asks for the probabilities alone."""
    tensor = {
        "name": "images", "datatype": "UINT8", "shape": images.shape,
        "parameters": {"binary_data_size": images.nbytes},
    }  # fmt: skip
    outputs = [{"name": "probabilities", "parameters": {"binary_data": True}}]
    head = json.dumps({"inputs": [tensor], "outputs": outputs}).encode()
    fields = {"Inference-Header-Content-Length": str(len(head))}
    return Call("/v2/models/{name}/infer", fields, head + images.tobytes(), len(images))


def read_ours(reply: bytes) -> Probabilities:
    """Read a /predict reply, or a V2 reply with one binary output."""
    head, _, tail = reply.partition(b"}]}")
    if b'"binary_data_size"' in head:
        flat = np.frombuffer(tail, np.float32)
        return flat.reshape(BATCH, -1)
    rows = [list(one["probabilities"].values()) for one in json.loads(reply)["predictions"]]
    return np.array(rows, np.float32)


def fastapi(model: Path, images: Images, port: int) -> Peer:
    """Plain FastAPI and pydantic: benchmarks/fastapi_peer.py."""
    flags = ("--port", str(port), "--log-level", "warning")
    command = (sys.executable, "-m", "uvicorn", "benchmarks.fastapi_peer:app", *flags)
    return _plain("plain FastAPI", command, model, images)


def granian(model: Path, images: Images, port: int) -> Peer:
    """A Rust server and the same handler, without a framework: benchmarks/granian_peer.py."""
    flags = ("--port", str(port), "--log-level", "warning", "--loop", "uvloop")
    command = (sys.executable, "-m", "granian", "benchmarks.granian_peer:app", *flags)
    return _plain("granian (RSGI)", (*command, "--interface", "rsgi"), model, images)


def _plain(name: str, command: tuple[str, ...], model: Path, images: Images) -> Peer:
    calls = {
        CASES[0]: Call("/predict", AS_JSON, as_json("images", images[:1]), 1),
        CASES[1]: Call("/predict/png", AS_PNG, as_png(images[0]), 1),
        CASES[2]: Call("/predict", AS_JSON, as_json("images", images), BATCH),
        CASES[3]: Call("/predict/raw", AS_RAW, images.tobytes(), BATCH),
    }
    return Peer(name, command, {"MODEL": str(model)}, calls, read_fastapi)


def read_fastapi(reply: bytes) -> Probabilities:
    return np.array(json.loads(reply)["probabilities"], np.float32)


_SAVE = """
import sys, numpy, onnx, mlflow.onnx
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
inputs = Schema([TensorSpec(numpy.dtype("uint8"), {shape}, "images")])
mlflow.onnx.save_model(
    onnx.load(sys.argv[1]), sys.argv[2], save_as_external_data=False,
    signature=ModelSignature(inputs),
)
"""


def mlflow(model: Path, images: Images, port: int, folder: Path) -> Peer:
    """`mlflow models serve` on the same file, saved as an MLflow model in `folder`."""
    saved = folder / "mlflow-model"
    if not saved.is_dir():
        source = _SAVE.format(shape=(-1, *images.shape[1:]))
        subprocess.run([sys.executable, "-c", source, str(model), str(saved)], check=True)
    flags = ("-m", str(saved), "-p", str(port), "--env-manager", "local")
    command = (sys.executable, "-m", "mlflow", "models", "serve", *flags)
    calls = {
        CASES[0]: Call("/invocations", AS_JSON, as_inputs(images[:1]), 1),
        CASES[2]: Call("/invocations", AS_JSON, as_inputs(images), BATCH),
    }
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    return Peer("mlflow models serve", command, variables, calls, read_mlflow)


def read_mlflow(reply: bytes) -> Probabilities:
    return np.array(json.loads(reply)["predictions"]["probabilities"], np.float32)


def as_json(key: str, images: Images) -> bytes:
    return json.dumps({key: images.tolist()}, separators=(",", ":")).encode()


def as_inputs(images: Images) -> bytes:
    return b'{"inputs":%b}' % as_json("images", images)


def as_png(image: Images) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image[0]).save(file, "PNG")
    return file.getvalue()
