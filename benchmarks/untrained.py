"""A net with random weights, built and exported by the pipeline: its speed is the real one."""

from pathlib import Path

import msgspec
import numpy as np

from pipeline.config import load
from pipeline.data.arrays import Prepared, Split
from pipeline.data.assemble import describe
from pipeline.data.decode import Official
from pipeline.data.raw import Source
from pipeline.export import model_file
from pipeline.training.recipe import Recipe

_CLASSES = 10
_IMAGES = 20


def exported(net: str, *, channels: int, size: int) -> bytes:
    """The ONNX file of `net` for images of so many channels and px."""
    prepared = _noise(channels, size)
    params = load(Path("params.yaml"))
    model = msgspec.structs.replace(params.model, name=net)
    module = Recipe(model, params.train, prepared).classifier()
    described = model_file.describe(
        prepared.dataset,
        module.net.eval(),
        name=None,
        hyperparameters={"model.name": net},
        params_sha256="0" * 64,
    )
    return model_file.model_bytes(module.net, described, prepared.val, golden=_CLASSES)


def _noise(channels: int, size: int) -> Prepared:
    generator = np.random.default_rng(0)
    shape = (_IMAGES, channels, size, size)
    split = Split(
        generator.integers(0, 256, shape, dtype=np.uint8), np.arange(_IMAGES, dtype=np.int64) % 10
    )
    names = tuple(map(str, range(_CLASSES)))
    source = Source(name="noise", requested="noise", source="published", files={"noise": "0" * 64})
    return describe(Official("noise", names, split, split), source, "noise", (split, split, split))
