"""export.variants through both stages: files, metrics, report and card; and the server's loader."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from contract import files
from pipeline import command
from pipeline.export import quantization
from pipeline.stages import evaluate, export
from pipeline.training import checkpoint
from serving.errors import ModelRefused
from serving.models.model import load
from tests.pipeline.cases import Workspace, classifier, prepared_set, taught, trained

PREPARED = prepared_set(images=200)


def workspace_of(root: Path, names: list[str]) -> Workspace:
    """After a training that knows its classes; `names` is export.variants."""
    module = classifier(PREPARED)
    taught(module.net, PREPARED)
    workspace = trained(root, PREPARED, module)
    yaml = YAML()
    params = yaml.load(root / "params.yaml")
    params["export"]["variants"] = names
    yaml.dump(params, root / "params.yaml")
    return workspace


def run(workspace: Workspace, patch: pytest.MonkeyPatch) -> None:
    """Both stages, where DVC starts them."""
    patch.chdir(workspace.root)
    patch.setattr(command, "die_with_parent", lambda: None)
    export.main(workspace.export_arguments())
    evaluate.main(workspace.evaluate_arguments())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which export and evaluate have run, with int8."""
    workspace = workspace_of(tmp_path_factory.mktemp("finished"), ["fp32", "int8"])
    with pytest.MonkeyPatch.context() as patch:
        run(workspace, patch)
    return workspace


def test_the_model_does_not_depend_on_what_else_is_asked_for(
    finished: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal bytes without int8; the folder is there, and holds its table alone."""
    workspace = workspace_of(tmp_path / "alone", ["fp32"])
    monkeypatch.chdir(workspace.root)
    monkeypatch.setattr(command, "die_with_parent", lambda: None)
    export.main(workspace.export_arguments())
    assert workspace.onnx.read_bytes() == finished.onnx.read_bytes()
    assert [one.name for one in workspace.variants.iterdir()] == ["variants.json"]
    assert "int8" not in (workspace.root / "metrics/export.json").read_text()


def test_its_row_is_in_metrics_card_and_report(finished: Workspace) -> None:
    """Figures of the gate everywhere; the ratio of speeds where it was measured."""
    exported = json.loads((finished.root / "metrics/export.json").read_text())["int8"]
    assert exported["passed"] == 1
    assert exported["bytes"] == (finished.variants / "int8.onnx").stat().st_size
    evaluated = json.loads((finished.root / "metrics/evaluate.json").read_text())["int8"]
    assert {key: evaluated[key] for key in exported} == exported
    speeds = {key: value for key, value in evaluated.items() if key not in exported}
    assert speeds.keys() == {"speed_01", "speed_64"}
    assert all(value > 0 for value in speeds.values())
    card = json.loads((finished.root / "models/model.card.json").read_text())
    assert card["model_sha256"] == files.sha256_of_file(finished.onnx)
    assert re.match(
        r"accuracy [\d.]+% on validation, .* times as fast at batch 64", card["variants"]["int8"]
    )
    page = (finished.root / "reports/index.html").read_text()
    assert 'href="#variants"' in page
    section = page[page.index('id="variants"') :]
    assert f"{speeds['speed_64']:g}" in section
    assert "passed" in section
    assert "LeNet" in section


def test_the_server_takes_it_as_a_variant_of_this_model_alone(finished: Workspace) -> None:
    """Its own golden answers pass the self-test; other golden answers do not."""
    content = (finished.variants / "int8.onnx").read_bytes()
    sha256 = files.sha256_of_file(finished.onnx)
    model = load(content, threads=1, variant_of=sha256)
    assert model.facts.version == files.sha256_of_bytes(content)[:12]
    assert model.facts.is_judge
    for other in ("", "0" * 64):
        with pytest.raises(ModelRefused, match=f"variant.* of the model '{sha256[:12]}'"):
            load(content, threads=1, variant_of=other)


def test_a_failed_variant_is_left_out_and_the_export_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Calibrated on noise: no file, the model as ever, and the reason wherever somebody looks."""
    workspace = workspace_of(tmp_path / "noise", ["fp32", "int8"])
    noise = np.random.default_rng(0).integers(0, 9, (64, 1, 12, 12), dtype=np.uint8)
    real = quantization.ranges
    monkeypatch.setattr(quantization, "ranges", lambda graph, names, _: real(graph, names, noise))
    run(workspace, monkeypatch)
    assert workspace.onnx.exists()
    assert [one.name for one in workspace.variants.iterdir()] == ["variants.json"]
    row = json.loads((workspace.root / "metrics/export.json").read_text())["int8"]
    assert row["passed"] == 0
    assert "allowed is at" in row["reason"]
    assert f"warning: the model has no variant int8: {row['reason']}" in capsys.readouterr().err
    card = json.loads((workspace.root / "models/model.card.json").read_text())
    assert card["variants"]["int8"] == f"not served: {row['reason']}"
    page = (workspace.root / "reports/index.html").read_text()
    assert f"int8: {row['reason']}." in page
    assert "speed_64" not in (workspace.root / "metrics/evaluate.json").read_text()


def test_an_earlier_variant_does_not_stay(
    finished: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an export that fails, as the model of it does not."""
    workspace = workspace_of(tmp_path / "again", ["fp32", "int8"])
    workspace.variants.mkdir(parents=True)
    earlier = workspace.variants / "int8.onnx"
    earlier.write_bytes((finished.variants / "int8.onnx").read_bytes())
    monkeypatch.chdir(workspace.root)
    monkeypatch.setattr(command, "die_with_parent", lambda: None)
    checkpoint.write(
        workspace.checkpoint, classifier(PREPARED), checkpoint.Origin("1" * 64, "2" * 64)
    )
    with pytest.raises(SystemExit):
        command.run(lambda: export.main(workspace.export_arguments()))
    assert not earlier.exists()


@pytest.mark.parametrize("names", [["int8"], ["fp32", "fp32"], [], ["fp32", "int4"]])
def test_params_name_fp32_and_each_variant_once(
    names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is none of these ends before any work, in a line that names the key."""
    workspace = workspace_of(tmp_path / "wrong", names)
    monkeypatch.chdir(workspace.root)
    with pytest.raises(SystemExit, match=r"error: params.yaml: export.*(variants|int4)"):
        command.run(lambda: export.main(workspace.export_arguments()))
