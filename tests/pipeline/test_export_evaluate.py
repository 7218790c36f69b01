"""The stages export and evaluate: a checkpoint in, everything that the contract names out."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from ruamel.yaml import YAML
from sklearn.metrics import accuracy_score

from contract import files
from pipeline import command
from pipeline.config import load
from pipeline.data import arrays
from pipeline.evaluation import foreign
from pipeline.export import onnx_run
from pipeline.stages import evaluate, export
from pipeline.training import checkpoint
from tests.pipeline.cases import PARAMS, Workspace, classifier, prepared_set, trained

ROOT = Path(__file__).parents[2]
PREPARED = prepared_set()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which export and evaluate have run."""
    workspace = trained(tmp_path_factory.mktemp("finished"), PREPARED)
    with pytest.MonkeyPatch.context() as patch:
        enter(workspace, patch)
        export.main(workspace.export_arguments())
        evaluate.main(workspace.evaluate_arguments())
    return workspace


def enter(workspace: Workspace, patch: pytest.MonkeyPatch) -> None:
    """Stand where DVC starts a stage; the test process need not die with its parent."""
    patch.chdir(workspace.root)
    patch.setattr(command, "die_with_parent", lambda: None)


@pytest.fixture
def copy(finished: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A finished workspace to spoil."""
    root = Path(shutil.copytree(finished.root, tmp_path / "copy"))
    workspace = Workspace(root)
    enter(workspace, monkeypatch)
    return workspace


def set_param(workspace: Workspace, section: str, key: str, value: object) -> None:
    yaml = YAML()
    params = yaml.load(workspace.root / "params.yaml")
    params[section][key] = value
    yaml.dump(params, workspace.root / "params.yaml")


def test_same_bytes_in_another_checkout(finished: Workspace, tmp_path: Path) -> None:
    """Code and data in a folder of another name, in a process of its own: equal bytes."""
    workspace = trained(tmp_path / "a much longer name", PREPARED)
    ignore = shutil.ignore_patterns("__pycache__")
    for package in ("contract", "pipeline"):
        shutil.copytree(ROOT / package, workspace.root / package, ignore=ignore)
    command = [sys.executable, "-m", "pipeline.stages.export", *workspace.export_arguments()]
    done = subprocess.run(command, cwd=workspace.root, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r".*model\.onnx: [\d,]+ bytes; max .* no changed class\n", done.stdout)
    for name in ("models/model.onnx", "models/model.activations.onnx", "metrics/export.json"):
        assert files.sha256_of_file(workspace.root / name) == files.sha256_of_file(
            finished.root / name
        ), name


def test_export_metrics(finished: Workspace) -> None:
    """Parity per batch size, the activations' greatest, and the file's size."""
    found = json.loads((finished.root / "metrics/export.json").read_text())
    assert found["onnx_bytes"] == finished.onnx.stat().st_size
    assert set(found["onnx_parity"]) == {"batch_01", "batch_02", "batch_07", "batch_64"}
    assert max(found["onnx_parity"].values()) <= 1e-5
    assert found["activations_parity"] <= 1e-5


def test_failed_parity_leaves_no_file(copy: Workspace) -> None:
    """Neither a new file nor the earlier one; the error has figures."""
    set_param(copy, "export", "parity_tolerance", 1e-12)
    with pytest.raises(SystemExit, match=r"error: model.onnx differs .* batch 64: .*e-0"):
        command.run(lambda: export.main(copy.export_arguments()))
    assert not copy.onnx.exists()
    assert not copy.activations.exists()
    assert not list(copy.onnx.parent.glob(".*"))


def test_checkpoint_of_other_data_is_refused(copy: Workspace) -> None:
    """Weights are exported with the data they learned from only."""
    checkpoint.write(copy.checkpoint, classifier(PREPARED), checkpoint.Origin("1" * 64, "2" * 64))
    with pytest.raises(
        SystemExit, match=r"error: the checkpoint was trained on data .*22.*stripes"
    ):
        command.run(lambda: export.main(copy.export_arguments()))


def test_checkpoint_of_another_release_is_refused(copy: Workspace) -> None:
    """A parameter that this release does not know is named, with the way out."""
    module = classifier(PREPARED)
    module.hparams["train"] = {**module.hparams["train"], "optimizer": "lion"}
    origin = checkpoint.Origin("1" * 64, PREPARED.dataset.sha256_of_all)
    checkpoint.write(copy.checkpoint, module, origin)
    with pytest.raises(SystemExit, match=r"error: .*model\.ckpt was .* another release.*lion.*dvc"):
        command.run(lambda: export.main(copy.export_arguments()))


def test_model_name_is_a_parameter(copy: Workspace) -> None:
    """It replaces <dataset>-classifier in the metadata."""
    set_param(copy, "export", "model_name", "mine")
    export.main(copy.export_arguments())
    properties = onnx_run.open_session(copy.onnx).get_modelmeta().custom_metadata_map
    assert properties["model_name"] == "mine"


def test_predictions_are_the_onnx_files(finished: Workspace) -> None:
    """Labels and probabilities of the whole test split, as a plain onnxruntime gives them."""
    saved = np.load(finished.root / "models/model.predictions.npz")
    session = onnxruntime.InferenceSession(str(finished.onnx))
    expected = session.run(None, {"images": PREPARED.test.images})[0]
    assert (saved["labels"].dtype, saved["probabilities"].dtype) == (np.int64, np.float32)
    np.testing.assert_array_equal(saved["labels"], PREPARED.test.labels)
    np.testing.assert_allclose(saved["probabilities"], expected, atol=1e-6)


def test_metrics_are_those_of_the_predictions(finished: Workspace) -> None:
    """Accuracy by scikit-learn; validation sorts before test; robustness of every challenge."""
    found = json.loads((finished.root / "metrics/evaluate.json").read_text())
    saved = np.load(finished.root / "models/model.predictions.npz")
    expected = accuracy_score(saved["labels"], saved["probabilities"].argmax(axis=1))
    assert found["test"]["accuracy"] == pytest.approx(expected)
    limits = ["foreign_auroc", "foreign_known", "known"]
    assert list(found) == [*limits, "on_validation", "robustness", "test"]
    assert found["foreign_auroc"].keys() == foreign.MAKERS.keys()
    assert 0.5 <= found["known"]["test"] <= 1
    assert set(found["robustness"]) == {"blur", "light", "noise", "rotation", "shift"}
    assert all(0 <= value <= 1 for value in found["robustness"].values())


def test_card(finished: Workspace) -> None:
    """It names the model's bytes, and holds metrics, parameters, curves and replay."""
    card = json.loads((finished.root / "models/model.card.json").read_text())
    assert card["model_sha256"] == files.sha256_of_file(finished.onnx)
    assert card["name"] == "stripes-classifier"
    assert card["metrics"] == json.loads((finished.root / "metrics/evaluate.json").read_text())
    assert card["hyperparameters"]["train.epochs"] == load(PARAMS).train.epochs
    assert card["curves"]["val_accuracy"] == [0.5, 0.7]
    assert len(card["replay"]["images"]) == len(card["replay"]["labels"]) == 2
    assert set(card["per_class"]) == {"precision", "recall", "f1", "images"}
    assert card["dataset"]["test_sha256"] == PREPARED.dataset.sha256.test


def test_plots_and_tables(finished: Workspace) -> None:
    """Every picture, and the tables that `dvc plots` draws."""
    written = {path.name for path in (finished.root / "plots/evaluate").iterdir()}
    pictures = {
        "confusion", "curves", "feature_maps", "filters", "mistakes", "reliability", "replay",
        "robustness", "strangers",
    }  # fmt: skip
    assert written == {f"{name}.png" for name in pictures} | {
        "confusion.csv",
        "per_class.csv",
        "reliability.csv",
    }
    rows = (finished.root / "plots/evaluate/confusion.csv").read_text().splitlines()
    assert rows[0] == "actual,predicted"
    assert len(rows) == len(PREPARED.test) + 1


def test_report_needs_no_network(finished: Workspace) -> None:
    """No address anywhere but names of XML spaces; every chart inside; all on one page."""
    page = (finished.root / "reports/index.html").read_text()
    addresses = set(re.findall(r"https?://[^\s\"'<]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "<script" not in page
    assert page.count("<svg") == 9
    assert "THIS IS NOT" not in page.upper()
    for text in (PREPARED.dataset.sha256_of_all, "train.learning_rate", 'id="lineage"'):
        assert text in page
    assert "99 validation images, and there are 40" in page  # why there are no sets
    anchors = re.findall(r'href="#(\w+)"', page)
    assert anchors
    assert all(f'id="{anchor}"' in page for anchor in anchors)


def test_fallback_is_loud(copy: Workspace) -> None:
    """The report opens with what the model is not, and with the way out."""
    path = copy.prepared / "dataset.json"
    content = json.loads(path.read_text())
    files.write_json(path, content | {"requested": "mnist<b>", "source": "fallback"})
    evaluate.main(copy.evaluate_arguments())
    page = (copy.root / "reports/index.html").read_text()
    assert page.index("has not seen mnist&lt;b&gt;") < page.index('class="tiles"')
    assert "make refetch" in page


def test_evaluating_again_gives_the_same_bytes(copy: Workspace) -> None:
    """All that evaluate writes is a function of what it reads."""

    def hashes() -> dict[str, str]:
        made = [*copy.root.glob("plots/evaluate/*"), *copy.root.glob("reports/*"),
                *copy.root.glob("models/*"), *copy.root.glob("metrics/*")]  # fmt: skip
        return {path.name: files.sha256_of_file(path) for path in made if path.is_file()}

    before = hashes()
    evaluate.main(copy.evaluate_arguments())
    assert hashes() == before


def test_model_of_other_data_is_refused(copy: Workspace) -> None:
    """A model is not measured on a test split that it was not made for."""
    arrays.save(copy.prepared, prepared_set(classes=4, name="squares"))
    with pytest.raises(SystemExit, match=r"error: the model was exported for 'stripes'.*'squares'"):
        command.run(lambda: evaluate.main(copy.evaluate_arguments()))


def test_activations_of_another_model_is_refused(copy: Workspace) -> None:
    """The activations must be of the very model that is measured."""
    model = copy.onnx.read_bytes()
    set_param(copy, "export", "golden_images", 3)
    export.main(copy.export_arguments())
    copy.onnx.write_bytes(model)
    with pytest.raises(SystemExit, match=r"error: .*activations.onnx belongs to another model"):
        command.run(lambda: evaluate.main(copy.evaluate_arguments()))


def test_torn_record_is_named(copy: Workspace) -> None:
    """A half-written curves.csv is an error with its name."""
    (copy.root / "plots/train/curves.csv").write_text("epoch,train_loss\n1,0.2\n")
    with pytest.raises(SystemExit, match=r"error: .*curves.csv cannot be used .*KeyError"):
        command.run(lambda: evaluate.main(copy.evaluate_arguments()))


def test_evaluate_starts_without_torch() -> None:
    """The stage measures what is shipped, and starts in seconds."""
    code = "import sys, pipeline.stages.evaluate; print({'torch', 'lightning'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout == b"set()\n"
