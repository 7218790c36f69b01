"""The circle's gate, on a real registry: what becomes champion, what does not, and why."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.files import sha256_of_file
from pipeline.lifecycle import candidate as candidates
from pipeline.lifecycle import promotion, rollback
from pipeline.lifecycle.candidate import Places
from pipeline.lifecycle.errors import RefusedError
from pipeline.lifecycle.registry import CHALLENGER, CHAMPION, Registry, Version
from pipeline.tracking import onnx_model
from pipeline.tracking.lookup import COMPLETE
from pipeline.tracking.store import Store
from tests.pipeline.workspace import Workspace

NAME = "mnist-classifier"
GOOD, SAME, BAD = range(20), range(22), range(60)  # test images that a model errs on


@pytest.fixture
def workspace(store: Store) -> Workspace:
    return Workspace(store.root, store)


@pytest.fixture
def registry(store: Store) -> Registry:
    return Registry(store.client, store.uri)


@pytest.fixture
def promote(store: Store, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    assert store.is_local

    def run(*flags: str) -> str:
        promotion.main(list(flags))
        return capsys.readouterr().out

    return run


Promote = Callable[..., str]


def champion(registry: Registry, name: str = NAME) -> Version:
    found = registry.with_alias(name, CHAMPION)
    assert found is not None
    return found


def test_first_model_is_champion_with_its_own_bytes(
    workspace: Workspace, registry: Registry, promote: Promote, tmp_path: Path
) -> None:
    """The registered file has the sha256 that was evaluated; tags lead back to where it is from."""
    sha256 = workspace.make(BAD)
    assert "version 1 is the champion" in promote()
    first = champion(registry)
    assert sha256_of_file(registry.fetch(first, "model.onnx", tmp_path)) == sha256
    for sidecar in ("model.activations.onnx", "model.card.json", "model.predictions.npz"):
        found = registry.fetch(first, sidecar, tmp_path)
        assert found.read_bytes() == (workspace.root / "models" / sidecar).read_bytes()
    expected = {"onnx.sha256", "git.commit", "dvc.lock_sha256", "dvc.onnx_md5", "run_id", "net"}
    assert expected <= set(first.tags)
    assert first.tags["metrics.test.accuracy"] == "0.94"
    described = registry.client.get_model_version(NAME, "1")
    assert "94.00%" in str(described.description)
    assert not os.environ.get("MLFLOW_TRACKING_URI")  # later stores of this process are their own


def test_variants_are_registered_with_their_model(
    workspace: Workspace, registry: Registry, promote: Promote, tmp_path: Path
) -> None:
    """Those that passed lie in a folder beside it; all have their line; it stays what is named."""
    sha256 = workspace.make(GOOD, variants={"int8": ""})
    promote()
    first = champion(registry)
    assert first.sha256 == sha256
    assert registry.fetch(first, "variants/int8.onnx", tmp_path).read_bytes() == b"a variant"
    assert first.tags["variant.int8"] == "as good"
    described = registry.client.get_model_version(NAME, "1").description
    assert "Variant int8: as good." in str(described)


def test_a_variant_that_failed_is_registered_as_a_line(
    workspace: Workspace, registry: Registry, promote: Promote
) -> None:
    """Its model is promoted all the same."""
    shutil.rmtree(workspace.root / "models/variants", ignore_errors=True)
    workspace.make(GOOD, variants={"int8": "accuracy 9.00%, allowed is at least 98.00%"})
    promote()
    assert champion(registry).tags["variant.int8"].startswith("not served: accuracy 9.00%")
    assert read(workspace).variants == ()


@pytest.mark.soak
def test_registered_model_is_the_one_that_export_logged(
    workspace: Workspace, promote: Promote, store: Store
) -> None:
    """One logged model for a training, before and after; telling the store twice adds none."""
    run = workspace.run(workspace.make(GOOD))
    for _ in range(2):
        run.add_onnx(workspace.root / "models/model.onnx", [], classes=2)
    assert run.record.outputs is not None
    (logged,) = run.record.outputs.model_outputs
    promote()
    experiment = run.record.info.experiment_id
    (model,) = store.client.search_logged_models([experiment])
    assert model.model_id == logged.model_id
    assert store.client.get_model_version(NAME, "1").source == model.artifact_location
    assert model.params == {"learning_rate": "0.02", "yaml/train.learning_rate": "0.02"}
    kind = store.client.get_experiment(experiment).tags["mlflow.experimentKind"]
    assert kind == "custom_model_development"


def test_registered_model_is_loaded_by_mlflow(
    workspace: Workspace, promote: Promote, store: Store
) -> None:
    """Signature and input example are there for whoever loads it by its alias."""
    import mlflow.models  # noqa: PLC0415 - this test alone

    workspace.make(GOOD)
    promote()
    with onnx_model.meant(store.uri):
        info = mlflow.models.get_model_info(f"models:/{NAME}@{CHAMPION}")
    assert info.signature.inputs.input_names() == ["images"]
    assert info.saved_input_example_info is not None
    assert store.client.get_model_version(NAME, "1").run_id


def test_better_model_takes_over(
    workspace: Workspace, registry: Registry, promote: Promote
) -> None:
    """A significant lead on the same images makes it champion; the figures are said."""
    workspace.make(BAD)
    promote()
    sha256 = workspace.make(GOOD)
    said = promote()
    assert "better: accuracy 98.00% against the champion's 94.00%" in said
    assert "p = 1.82e-12" in said
    assert "95 % interval +2.7" in said
    assert champion(registry).sha256 == sha256


def test_worse_model_is_refused(workspace: Workspace, registry: Registry, promote: Promote) -> None:
    """It is not registered; force makes it champion."""
    workspace.make(GOOD)
    promote()
    sha256 = workspace.make(BAD)
    with pytest.raises(RefusedError, match=r"worse than the champion, mnist-classifier version 1"):
        promote()
    assert len(registry.versions(NAME)) == 1
    assert "forced" in promote("--force")
    assert champion(registry).sha256 == sha256


def test_undecided_model_becomes_challenger(
    workspace: Workspace, registry: Registry, promote: Promote
) -> None:
    """Two images more are chance: the champion stays, the other may be watched beside it."""
    workspace.make(SAME)
    promote()
    sha256 = workspace.make(GOOD)
    assert "undecided" in promote()
    beside = registry.with_alias(NAME, CHALLENGER)
    assert beside is not None
    assert beside.sha256 == sha256
    assert champion(registry).number == "1"


def test_promoting_again_adds_nothing(
    workspace: Workspace, registry: Registry, promote: Promote
) -> None:
    """The same bytes are one version, as champion and as challenger."""
    workspace.make(SAME)
    promote()
    assert "champion already, version 1" in promote()
    workspace.make(GOOD)
    promote()
    promote()
    assert len(registry.versions(NAME)) == 2
    promote("--force")
    assert len(registry.versions(NAME)) == 2
    assert champion(registry).number == "2"
    assert registry.with_alias(NAME, CHALLENGER) is None


def test_dry_run_changes_nothing(
    workspace: Workspace, registry: Registry, promote: Promote
) -> None:
    """It says what would happen."""
    workspace.make(GOOD)
    assert "would be: champion" in promote("--dry-run")
    assert registry.versions() == []


def test_rollback_goes_back_step_by_step(
    workspace: Workspace,
    registry: Registry,
    promote: Promote,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each rollback is one champion further back; at the first it says that there is no more."""
    for wrong in (BAD, range(40), GOOD):
        workspace.make(wrong)
        promote()
    rollback.main([])
    assert "champion was mnist-classifier version 3" in capsys.readouterr().out
    assert champion(registry).number == "2"
    rollback.main(["--name", NAME])
    assert champion(registry).number == "1"
    with pytest.raises(RefusedError, match="first champion"):
        rollback.main([])


def test_rolled_back_model_does_not_return_by_itself(
    workspace: Workspace, registry: Registry, promote: Promote
) -> None:
    """Its test accuracy was not why it went: a person says when it may come back."""
    workspace.make(BAD)
    promote()
    workspace.make(GOOD)
    promote()
    rollback.main([])
    with pytest.raises(RefusedError, match="was rolled back"):
        promote()
    promote("--force")
    assert champion(registry).number == "2"
    rollback.main([])
    assert champion(registry).number == "1"


def test_alias_moved_by_hand_can_be_rolled_back(
    workspace: Workspace, registry: Registry, promote: Promote
) -> None:
    """Somebody who sets the alias in the MLflow UI makes a champion like any other."""
    workspace.make(SAME)
    promote()
    workspace.make(GOOD)
    promote()
    registry.client.set_registered_model_alias(NAME, CHAMPION, "2")
    rollback.main([])
    assert champion(registry).number == "1"


def test_rollback_asks_which_of_several(
    workspace: Workspace, registry: Registry, promote: Promote
) -> None:
    """With two champions of two tasks, the name must be given; with none, it says how to begin."""
    with pytest.raises(RefusedError, match="0 registered models"):
        rollback.only_name(registry)
    with pytest.raises(RefusedError, match="has no champion"):
        rollback.main(["--name", NAME])
    workspace.make(GOOD)
    promote()
    workspace.make(BAD, name="digits-classifier", dataset="digits")
    promote()
    with pytest.raises(RefusedError, match="digits-classifier, mnist-classifier"):
        rollback.main([])


def test_other_data_never_meet(workspace: Workspace, registry: Registry, promote: Promote) -> None:
    """Another test split under the champion's name is refused, by force too."""
    workspace.make(BAD)
    promote()
    workspace.make(GOOD, test_sha256="9" * 64)
    for flags in ([], ["--force"]):
        with pytest.raises(RefusedError, match="test split's sha256 is '9999"):
            promote(*flags)
    assert champion(registry).number == "1"


def test_fallback_registers_under_its_own_name(
    workspace: Workspace, registry: Registry, promote: Promote
) -> None:
    """The digits that stand in for MNIST make digits-classifier, never mnist-classifier."""
    workspace.make(BAD)
    promote()
    workspace.make(GOOD, dataset="digits", requested="mnist")
    with pytest.raises(RefusedError, match="learned from the fallback set 'digits'"):
        promote("--force")
    workspace.make(GOOD, dataset="digits", requested="mnist", name="digits-classifier")
    promote()
    assert champion(registry, "digits-classifier").number == "1"
    assert len(registry.versions(NAME)) == 1


def read(workspace: Workspace) -> candidates.Candidate:
    return candidates.read(Places(workspace.root), tolerance=1e-5)


def test_workspace_that_was_touched_is_refused(workspace: Workspace) -> None:
    """What is promoted is what the pipeline made: dvc.lock knows."""
    workspace.make(GOOD)
    read(workspace)
    workspace.predict(range(1))
    with pytest.raises(RefusedError, match=r"model.predictions.npz has md5 .* dvc.lock says"):
        read(workspace)
    workspace.make(GOOD)
    (workspace.root / "models/variants/int8.onnx").write_bytes(b"from elsewhere")
    with pytest.raises(RefusedError, match=r"models/variants has md5 '\w+\.dir', and dvc.lock"):
        read(workspace)


@pytest.mark.parametrize("name", Places(Path()).all())
def test_missing_file_is_named(workspace: Workspace, name: str) -> None:
    """Without export's gate or evaluate's numbers there is nothing to promote."""
    workspace.make(GOOD)
    place = workspace.root / name
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    with pytest.raises(RefusedError, match=f"{name} does not exist"):
        read(workspace)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("metrics/export.json", b'{"onnx_parity": {"batch_01": 0.1}}', "parity gate was not"),
        ("metrics/export.json", b'{"onnx_parity": {}}', "parity gate was not"),
        ("metrics/export.json", b"{", "cannot be read"),
        ("models/model.card.json", b'{"model_sha256": "ab"}', "belongs to the model 'ab'"),
        ("models/model.predictions.npz", b"torn", "cannot be read"),
        ("models/model.activations.onnx", b"torn", "is no model"),
        ("models/model.onnx", b"torn", "belongs to the model"),
        ("models/variants/variants.json", b"{", "cannot be read"),
        (
            "models/variants/variants.json",
            b'{"model_sha256": "ab", "images": 1}',
            "to the model 'ab'",
        ),
        ("models/variants/int8.onnx", b"forgotten", r"holds the variants \['int8'\]"),
    ],
)
def test_unsound_file_is_refused(
    workspace: Workspace, name: str, content: bytes, reason: str
) -> None:
    """Also where dvc.lock agrees: sidecars of another model, a failed gate, torn files."""
    workspace.make(GOOD)
    (workspace.root / name).write_bytes(content)
    workspace.lock()
    with pytest.raises(RefusedError, match=reason):
        read(workspace)


def edit_lock(workspace: Workspace, old: str, new: str) -> None:
    path = workspace.root / "dvc.lock"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_lock_and_file_must_name_the_same_parameters(workspace: Workspace) -> None:
    """A lock that says other numbers than the model's file, or none, is not believed."""
    workspace.make(GOOD)
    edit_lock(workspace, "learning_rate: 0.02", "learning_rate: 0.0001")
    with pytest.raises(RefusedError, match=r"with train.learning_rate 0.02, .* says 0.0001"):
        read(workspace)
    edit_lock(workspace, "learning_rate: 0.0001", "epochs: 3")
    with pytest.raises(RefusedError, match=r"train.learning_rate 0.02, .* says nothing of it"):
        read(workspace)


def test_stage_must_have_been_given_what_was_made(workspace: Workspace) -> None:
    """Where a stage was run alone, what follows is of something older."""
    workspace.make(GOOD)
    given = "deps:\n    - path: models/model.onnx\n      md5: " + "ab" * 16
    edit_lock(workspace, "    outs:", f"    {given}\n    outs:")
    with pytest.raises(RefusedError, match=r"evaluate was given models/model.onnx with md5 'abab"):
        read(workspace)


def test_run_and_file_must_say_the_same(workspace: Workspace, promote: Promote) -> None:
    """A run of other parameters, or one whose inputs were edited meanwhile, is refused."""
    run = workspace.run(workspace.make(GOOD))
    run.add_tags({"params.sha256": "9" * 64})
    with pytest.raises(RefusedError, match=r"says params.sha256 '9999.* the model's file '2222"):
        promote()
    run.withdraw("params.yaml train.learning_rate 0.02 → 0.0001")
    run.add_tags({COMPLETE: "true"})
    with pytest.raises(RefusedError, match=r"inputs changed .*0.02 → 0.0001.*undo the edit"):
        promote()


def test_model_without_a_run_is_refused(workspace: Workspace, promote: Promote) -> None:
    """A registered version leads to its run; without one it says how to get it."""
    sha256 = workspace.make(GOOD)
    for run in workspace.store.client.search_runs(["1"], f"tags.`onnx.sha256` = '{sha256}'"):
        workspace.store.client.delete_run(run.info.run_id)
    with pytest.raises(RefusedError, match="no complete run"):
        promote()
