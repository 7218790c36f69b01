"""The template writes what a plain JSON encoder writes of the same values."""

import json

import numpy as np
import orjson
import pytest

from serving.dialects.predictions import body
from serving.models.model import Facts, load
from tests.serving.onnx_files import build_model


def facts(*classes: str) -> Facts:
    model = load(build_model(classes=len(classes)), threads=1)
    return Facts(**{**{n: getattr(model.facts, n) for n in vars(model.facts)}, "classes": classes})


@pytest.mark.parametrize("count", [1, 3])
def test_all_classes_in_order_as_float32_prints(count: int) -> None:
    """Byte for byte what orjson makes of dicts of numpy scalars, also for odd labels."""
    known = facts("0", "100 %b", 'a "quoted" one', "Å", "%%")
    rows = np.random.default_rng(0).dirichlet(np.ones(5), count).astype(np.float32)
    rows[0] = (0, 1, 1e-30, 1e-7, 0.1)
    expected = {
        "model": {"name": known.name, "version": known.version},
        "predictions": [
            {
                "label": known.classes[row.argmax()],
                "index": int(row.argmax()),
                "probability": row.max(),
                "probabilities": dict(zip(known.classes, row, strict=True)),
            }
            for row in rows
        ],
    }
    assert body(rows, known, None) == orjson.dumps(expected, option=orjson.OPT_SERIALIZE_NUMPY)


def test_top_k_keeps_the_greatest_in_falling_order() -> None:
    """Ties go by class index; k above the classes gives all."""
    known = facts("a", "b", "c")
    rows = np.array([[0.25, 0.5, 0.25]], np.float32)
    for k, names in ((1, ["b"]), (2, ["b", "a"]), (9, ["b", "a", "c"])):
        (prediction,) = json.loads(body(rows, known, k))["predictions"]
        assert list(prediction["probabilities"]) == names
        assert prediction["label"] == "b"
