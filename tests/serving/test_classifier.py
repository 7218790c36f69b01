"""A model in Python, without a server: the server's own answers."""

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving import Classifier
from serving.errors import BadRequest, ModelRefused, TooLarge, UnsupportedMediaType
from tests.serving.live import ROOT, Server, serving
from tests.serving.onnx_files import build_model
from tests.serving.test_install import FOREIGN

CHILD = """
import json, sys
import serving
light = sorted(sys.modules)
from serving import Classifier
found = Classifier(sys.argv[1])(sys.argv[2])
print(json.dumps({"label": found.label, "light": light,
                  "modules": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


def picture(size: tuple[int, int], *, kind: str) -> bytes:
    noise = np.random.default_rng(sum(size)).integers(0, 256, (*size[::-1], 3)).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(noise).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("size", "kind"), [((28, 28), "PNG"), ((300, 200), "JPEG"), ((41, 97), "PNG")]
)
def test_the_answer_is_the_servers(
    size: tuple[int, int], kind: str, server: Server, tiny_model: Path
) -> None:
    """For a picture of the model's size, a photograph and an odd one: equal, digit for digit."""
    data = picture(size, kind=kind)
    reply = server.ask("POST", "/predict", data).json["predictions"][0]
    found = Classifier(tiny_model, threads=1)(data)
    assert (found.label, found.index) == (reply["label"], reply["index"])
    assert found.probability == pytest.approx(reply["probability"], abs=1e-6)
    assert found.probabilities == pytest.approx(reply["probabilities"], abs=1e-6)


def test_a_model_of_colour_photographs_with_named_classes(tmp_path: Path) -> None:
    """Another size, three channels, labels with blanks."""
    classes = ["tabby cat", "dog"]
    path = tmp_path / "pets.onnx"
    path.write_bytes(
        build_model(shape=(3, 20, 24), classes=2, more={"classes": json.dumps(classes)})
    )
    (tmp_path / "pet.jpg").write_bytes(picture((90, 60), kind="JPEG"))
    found = Classifier(path)(tmp_path / "pet.jpg")
    assert found.label == classes[found.index]
    assert list(found.probabilities) == classes
    with serving("--model", str(path), "--no-access-log") as server:
        reply = server.ask("POST", "/predict", (tmp_path / "pet.jpg").read_bytes()).json
    assert reply["predictions"][0]["probabilities"] == pytest.approx(found.probabilities, abs=1e-6)


def test_what_is_wrong_is_said_as_the_server_says_it(tiny_model: Path, tmp_path: Path) -> None:
    """An exception for each kind of fault."""
    classify = Classifier(tiny_model)
    with pytest.raises(BadRequest, match="empty"):
        classify(b"")
    with pytest.raises(UnsupportedMediaType, match="not a picture"):
        classify(b"a text")
    with pytest.raises(FileNotFoundError):
        classify(tmp_path / "gone.png")
    (tmp_path / "huge.png").write_bytes(bytes((32 << 20) + 1))
    with pytest.raises(TooLarge, match="33,554,432 bytes"):
        classify(tmp_path / "huge.png")


def test_a_model_file_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    """Missing, damaged, and of wrong answers."""
    with pytest.raises(ModelRefused, match=r"gone\.onnx' is refused: cannot be read"):
        Classifier(tmp_path / "gone.onnx")
    (tmp_path / "spoilt.onnx").write_bytes(build_model(spoil_golden=True))
    with pytest.raises(ModelRefused, match=r"spoilt\.onnx' is refused: self-test failed"):
        Classifier(tmp_path / "spoilt.onnx")


def test_neither_training_nor_http_is_imported(tiny_model: Path) -> None:
    """`import serving` alone is light; classifying imports nothing of training or of the server."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tiny_model), "docs/seven.png"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    seen = json.loads(done.stdout)
    assert seen["label"] in "0123456789"
    assert not {"numpy", "onnxruntime"}.intersection(seen["light"])
    unwanted = FOREIGN | {"pipeline", "httptools", "uvloop", "asyncio"}
    assert not unwanted.intersection(seen["modules"])
