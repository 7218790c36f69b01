"""`dvc repro` from a fresh checkout to an evaluated ONNX file and one complete run."""

from tests.end_to_end.project import Project, sha256


def test_one_command_makes_everything(finished_project: Project) -> None:
    """Every artifact of the contract is there, and the ONNX file knows its data set."""
    for path in (
        "data/prepared/dataset.json",
        "models/model.ckpt",
        "models/model.onnx",
        "models/model.activations.onnx",
        "models/model.card.json",
        "models/model.predictions.npz",
        "metrics/train.json",
        "metrics/export.json",
        "metrics/evaluate.json",
        "plots/train/curves.csv",
        "reports/index.html",
    ):
        assert (finished_project.root / path).stat().st_size > 0, path
    card = finished_project.json("models/model.card.json")
    assert card["name"] == "digits-classifier"
    assert card["model_sha256"] == sha256(finished_project, "models/model.onnx")


def test_one_run_tells_the_whole_story(finished_project: Project) -> None:
    """One FINISHED run with every hyperparameter, curves, hashes, figures and the model."""
    (run,) = finished_project.runs()
    assert run.info.status == "FINISHED"
    tags = run.data.tags
    assert tags["pipeline.complete"] == "true"
    assert tags["checkpoint.sha256"] == sha256(finished_project, "models/model.ckpt")
    assert tags["onnx.sha256"] == sha256(finished_project, "models/model.onnx")
    assert {"data.sha256", "params.sha256", "git.commit", "git.dirty", "dvc.stage"} <= set(tags)
    params = {"train.momentum", "model.kernel", "export.golden_images", "data.seed"}
    assert {f"yaml/{key}" for key in params} <= set(run.data.params)
    assert run.data.params["net"] == run.data.params["yaml/model.name"] == "lenet"
    history = finished_project.store.get_metric_history(run.info.run_id, "curves/val_loss")
    assert [metric.step for metric in history] == [1, 2]
    folders = {item.path for item in finished_project.store.list_artifacts(run.info.run_id)}
    assert {"plots", "reports"} <= folders


def test_metrics_name_their_data_and_their_model(finished_project: Project) -> None:
    """Three inputs; the one logged model has what was measured on it, nothing of the machine."""
    (run,) = finished_project.runs()
    assert run.inputs is not None
    names = {one.tags[0].value: one.dataset.name for one in run.inputs.dataset_inputs}
    assert names == {
        "training": "digits train", "validation": "digits validation", "test": "digits test",
    }  # fmt: skip
    assert run.outputs is not None
    (made,) = run.outputs.model_outputs
    model = finished_project.store.get_logged_model(made.model_id)
    assert model.name == run.data.tags["onnx.sha256"][:12]
    assert model.tags["mlflow.note.content"].startswith("Test accuracy")
    assert model.metrics is not None
    measured = {one.key: one.dataset_name for one in model.metrics}
    assert measured["accuracy_test"] == measured["robustness/blur"] == "digits test"
    assert measured["accuracy_validation"] == measured["onnx/parity"] == "digits validation"
    assert not [key for key in measured if key.startswith(("system/", "curves/"))]
    assert sorted(run.data.metrics)[:2] == ["accuracy_test", "accuracy_validation"]


def test_second_repro_does_nothing(finished_project: Project) -> None:
    """Equal inputs: nothing runs, no run is added."""
    said = finished_project.run("dvc", "repro")
    assert "Running stage" not in said
    assert "up to date" in said
    assert len(finished_project.runs()) == 1


def test_dvc_shows_metrics_params_and_plots(finished_project: Project) -> None:
    """The everyday commands work on what the stages wrote."""
    assert "accuracy" in finished_project.run("dvc", "metrics", "show")
    finished_project.run("dvc", "plots", "show", "--out", "shown")
    assert "Confusion" in (finished_project.root / "shown" / "index.html").read_text().title()
    finished_project.run("dvc", "params", "diff", "--all")
    finished_project.run("dvc", "plots", "diff", "--out", "compared")
    finished_project.run("dvc", "metrics", "diff")
