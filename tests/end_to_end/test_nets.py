"""Any net: a step, the model's file through its gate, its twin, and the server's answer.

Seven nets of timm, one of one's own, one with a first layer for small pictures.
"""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from pipeline import command, config
from pipeline.data import arrays
from pipeline.export import activations, onnx_run, read_back
from pipeline.stages import export
from pipeline.training import checkpoint, optimizers
from pipeline.training.losses import loss
from pipeline.training.recipe import Recipe
from tests.pipeline.cases import PARAMS, Workspace, prepared_set
from tests.serving.live import serving

TIMM = (
    "resnet10t", "vit_tiny_patch16_224", "efficientnet_lite0", "mobilenetv4_conv_small",
    "convnext_atto", "ghostnet_050", "swin_tiny_patch4_window7_224",
)  # fmt: skip
NETS = [
    pytest.param("timm/resnet10t", True, marks=pytest.mark.soak_all),
    *(pytest.param(f"timm/{name}", False, marks=pytest.mark.soak_all) for name in TIMM),
    pytest.param("mynets.photos:build", False, marks=pytest.mark.soak_all),
    pytest.param("resnet18", True, marks=pytest.mark.soak_all),
]
PREPARED = prepared_set(channels=3, size=32)
BATCH = 8


@pytest.mark.parametrize(("name", "small_input"), NETS)
def test_from_a_step_to_the_servers_answer(
    name: str,
    small_input: bool,  # noqa: FBT001 - of the table above
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The gate has compared both files with the net; the server answers as the net does."""
    params = config.load(PARAMS)
    model = msgspec.structs.replace(params.model, name=name, small_input=small_input)
    recipe = Recipe(model, params.train, PREPARED).resolved()
    module = recipe.classifier()
    steps = optimizers.build(module.net, module.recipe)
    images = torch.from_numpy(np.array(PREPARED.train.images[:BATCH]))
    labels = torch.from_numpy(np.array(PREPARED.train.labels[:BATCH]))
    torch.autograd.backward(loss("cross_entropy", module.net.train()(images), labels))
    steps.step()

    workspace = Workspace(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS.read_text())
    arrays.save(workspace.prepared, PREPARED)
    checkpoint.write(workspace.checkpoint, module, recipe.origin)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "die_with_parent", lambda: None)
    export.main(workspace.export_arguments())

    parity = json.loads((tmp_path / "metrics/export.json").read_text())
    assert max(parity["onnx_parity"].values()) < 1e-5
    exported = read_back.read(workspace.onnx, workspace.activations, dataset=PREPARED.dataset)
    shown = activations.read(workspace.activations, model_sha256=exported.sha256)
    assert len(shown.layers) > 2, "the layers are shown, too"
    asked = PREPARED.test.images[:3]
    wanted = onnx_run.predict(exported.session, asked, batch_size=3)
    with serving("--model", str(workspace.onnx)) as server:
        assert server.get("/model")["net"] == name
        answer = server.predict({"instances": asked.tolist()})
    np.testing.assert_allclose(answer.probabilities, wanted, atol=2e-5)
