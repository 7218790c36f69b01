"""A model under another name, out of a folder: as KServe mounts and asks for it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from serving.errors import ModelRefused
from serving.models.sources import FileSource
from tests.serving.live import ROOT, serving
from tests.serving.load import eventually, replace
from tests.serving.onnx_files import build_model

Images = NDArray[np.uint8]


def test_every_door_knows_the_given_name_alone(tiny_model: Path, images: Images) -> None:
    """The one that was exported is unknown; the variable does as the flag."""
    with serving("--model", str(tiny_model), SERVING_NAME="My-digits.v1") as server:
        assert server.log[0].count("model My-digits.v1, version ") == 1
        raw = images[:1].tobytes()
        answer = server.ask("POST", "/predict", raw, content_type="application/octet-stream")
        assert answer.json["model"]["name"] == "My-digits.v1"
        assert server.get("/model")["name"] == "My-digits.v1"
        assert server.get("/v1/models") == server.get("/v2/models") == {"models": ["My-digits.v1"]}
        for version in ("v1", "v2"):
            assert server.ask("GET", f"/{version}/models/My-digits.v1").status == 200
            assert server.ask("GET", f"/{version}/models/digits-classifier").status == 404


def test_a_challenger_is_another_version_of_that_name(tmp_path: Path) -> None:
    """Whatever it was exported as: one service has one name."""
    for file, seed, name in (("a.onnx", 1, "one"), ("b.onnx", 2, "two")):
        (tmp_path / file).write_bytes(build_model(seed=seed, name=name))
    flags = ["--model", str(tmp_path / "a.onnx"), "--challenger", str(tmp_path / "b.onnx")]
    with serving(*flags, "--name", "digits", "--no-access-log") as server:
        versions = server.get("/v2/models/digits")["versions"]
        assert len(versions) == 2
        index = server.ask("POST", "/v2/repository/index").json
        assert [(one["name"], one["version"]) for one in index] == [
            ("digits", version) for version in versions
        ]
        assert server.get(f"/v2/models/digits/versions/{versions[1]}/ready")["ready"]


def test_a_folder_with_one_model_is_followed(tmp_path: Path) -> None:
    """Beside it its sidecars; the file that takes its place may have another name."""
    (tmp_path / "first.onnx").write_bytes(build_model(seed=1))
    (tmp_path / "first.activations.onnx").write_bytes(b"a sidecar")
    (tmp_path / "first.card.json").write_bytes(b"{}")
    flags = ["--model", str(tmp_path), "--watch", "0.1", "--no-access-log"]
    with serving(*flags, "--name", "digits") as server:
        before = server.get("/model")
        assert "belongs to another model" in before["card"]["absent"]
        replace(tmp_path / "second.onnx", build_model(seed=2))
        (tmp_path / "first.onnx").unlink()
        (tmp_path / "first.activations.onnx").unlink()
        eventually(lambda: server.get("/model")["version"] != before["version"], "the second")
        assert server.get("/model")["name"] == "digits"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ((), "exactly one .onnx file and holds none"),
        (("notes.txt", "model.onnx.bak"), "holds none"),
        (("a.onnx", "b.onnx"), "holds a.onnx, b.onnx: give the file's own path"),
        (tuple(f"{letter}.onnx" for letter in "abcdefg"), "d.onnx, e.onnx and more"),
        (("a.onnx", "b.int8.onnx"), "holds a.onnx, b.int8.onnx"),
    ],
)
def test_a_folder_of_none_or_several_stops_the_start(
    tmp_path: Path, files: tuple[str, ...], words: str
) -> None:
    """One line, status 3."""
    for file in files:
        (tmp_path / file).write_bytes(build_model())
    done = subprocess.run(
        [sys.executable, "-m", "serving", "--port", "0", "--model", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_model_that_only_has_a_long_name_counts(tmp_path: Path) -> None:
    """A kind beside its model is no model; without one it is."""
    (tmp_path / "mnist.int8.onnx").write_bytes(b"int8")
    assert FileSource(tmp_path).read() == b"int8"
    (tmp_path / "mnist.onnx").write_bytes(b"float")
    assert FileSource(tmp_path).read() == b"float"
    (tmp_path / "other.onnx").write_bytes(b"another")
    assert FileSource(tmp_path).mark() is None
    with pytest.raises(ModelRefused, match="exactly one"):
        FileSource(tmp_path).read()
