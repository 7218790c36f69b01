"""A network of one's own in mynets/: two lines changed, from training to an answer."""

import json

import pytest

from pipeline.export import activations
from tests.end_to_end.project import Project, sha256
from tests.serving.live import serving

pytestmark = pytest.mark.soak


def test_two_lines_bring_a_network_of_ones_own(project: Project) -> None:
    """It is trained, exported through the gate, shown and served; an edit of it trains again."""
    project.set_params({"model": {"name": "mynets.tiny:build"}})
    project.run("dvc", "repro")
    with serving("--model", str(project.root / "models/model.onnx")) as server:
        assert server.get("/model")["net"] == "mynets.tiny:build"
    sidecar = project.root / "models/model.activations.onnx"
    layers = activations.read(sidecar, model_sha256=sha256(project, "models/model.onnx")).layers
    assert [layer.kind for layer in layers[:3]] == ["input", "convolution", "nonlinearity"]
    assert "up to date" in project.run("dvc", "status")
    path = project.root / "mynets/tiny.py"
    path.write_text(path.read_text().replace("nn.ReLU(),", "nn.GELU(),"))
    assert set(json.loads(project.run("dvc", "status", "--json"))) == {"train", "export"}
