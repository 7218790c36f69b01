"""A store that is away gets everything later, with its own times; nothing waits for it."""

from pathlib import Path

import pytest
from mlflow.entities import Run

from pipeline.lifecycle import doctor
from pipeline.tracking import store as tracking
from pipeline.tracking.ending import ended_with
from pipeline.tracking.lookup import PARENT, TRAINING
from pipeline.tracking.run import TrackedRun, now_ms
from tests.mlflow_server import Server, serving
from tests.pipeline.cases import prepared_set

PARAMS = Path("params.yaml")


def unsent(root: Path) -> list[Path]:
    return sorted((root / ".unsent").glob("*.json"))


@pytest.fixture
def away(repository: Path, monkeypatch: pytest.MonkeyPatch) -> tracking.Store:
    """A store on a port where nobody listens."""
    assert repository.is_dir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", Server(repository / "server").uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    store = tracking.open_store(repository)
    assert store.away
    return store


def trained(store: tracking.Store) -> TrackedRun:
    """What a training, an export and an evaluation tell a store."""
    run = store.create("stripes-classifier", "a run", {"params.sha256": "aa"}, PARAMS)
    with ended_with(run):
        run.add_params({"train.epochs": 2, "train.seed": 0})
        run.add_data(prepared_set().dataset)
        for epoch in (1, 2):
            run.add_metrics({"val_loss": 1 / epoch}, step=epoch)
        run.add_tags({"checkpoint.sha256": "bb"})
    run.add_results({"test": {"accuracy": 0.5}})
    run.add_files([PARAMS], "inputs")
    run.complete("all of it")
    return run


def test_what_is_told_waits_on_disk(
    away: tracking.Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says so; files are copied as they are now; a later stage finds the same run."""
    run = trained(away)
    assert len(unsent(away.root)) >= 10
    said = capsys.readouterr().err
    assert said.count("does not answer") <= 1
    (copied,) = away.root.glob(".unsent/*/params.yaml")
    PARAMS.write_text("edited: afterwards\n")
    assert "train:" in copied.read_text()
    assert run.mark() == {"id": None, "name": None, "experiment": None}
    found = away.reopen(run.training)
    assert found is not None
    assert found.outbox.kept() == unsent(away.root)


def test_store_of_another_address_is_not_told(
    store: tracking.Store, away: tracking.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for a server is not sent to the file that is used meanwhile."""
    run = trained(away)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert store.send_waiting() == []
    assert store.of_training(run.training) is None
    assert unsent(away.root)


def test_deleted_run_is_left_alone(
    store: tracking.Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody deleted it in the UI while it was under way: one warning, and the training ends."""
    run = store.create("stripes-classifier", "a run", {}, PARAMS)
    store.client.delete_run(run.id)
    for epoch in (1, 2):
        run.add_metrics({"val_loss": 1.0}, step=epoch)
    assert capsys.readouterr().err.count("takes no more") == 1
    assert not unsent(store.root)


@pytest.mark.parametrize("parent_first", [True, False])
def test_trials_lie_below_their_sweep(
    store: tracking.Store, parent_first: bool  # noqa: FBT001 - a case
) -> None:  # fmt: skip
    """Whichever of them reaches the store first, as from several machines after an outage."""
    training = "a" * 32

    def parent() -> None:
        store.create("stripes-classifier", "a sweep", {TRAINING: training}, PARAMS).add_children()

    if parent_first:
        parent()
    trial = store.create("stripes-classifier", "a trial", {PARENT: training}, PARAMS)
    assert ("mlflow.parentRunId" in trial.tags) == parent_first
    if not parent_first:
        parent()
    above = store.of_training(training)
    assert above is not None
    assert trial.tags["mlflow.parentRunId"] == above.id


def content(store: tracking.Store, run: Run) -> dict[str, object]:
    """All but what is of the moment: ids, times, load of the machine."""
    data = run.data
    of = store.client.get_metric_history
    histories = {
        key: [(one.step, one.value) for one in of(run.info.run_id, key)]
        for key in data.metrics
        if not key.startswith("system/")
    }
    tags = {key: value for key, value in data.tags.items() if key != "pipeline.run"}
    artifacts = sorted(one.path for one in store.client.list_artifacts(run.info.run_id, "inputs"))
    inputs = [one.dataset.digest for one in run.inputs.dataset_inputs] if run.inputs else []
    return {
        "params": data.params, "metrics": histories, "tags": tags, "artifacts": artifacts,
        "status": run.info.status, "inputs": inputs, "name": run.info.run_name,
    }  # fmt: skip


@pytest.mark.soak
def test_run_ends_as_if_the_server_had_been_there(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Away from the start, or from the middle; sent once by doctor, and safe to repeat."""
    with serving(tmp_path / "server") as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        present = tracking.open_store(repository)
        undisturbed = content(present, trained(present).record)
        server.kill()
        from_the_start = trained(tracking.open_store(repository))
        server.start()
        middle = present.create("stripes-classifier", "a run", {"params.sha256": "aa"}, PARAMS)
        with ended_with(middle):
            middle.add_params({"train.epochs": 2, "train.seed": 0})
            middle.add_data(prepared_set().dataset)
            middle.add_metrics({"val_loss": 1.0}, step=1)
            server.kill()
            middle.add_metrics({"val_loss": 0.5}, step=2)
            middle.add_tags({"checkpoint.sha256": "bb"})
        middle.add_results({"test": {"accuracy": 0.5}})
        middle.add_files([PARAMS], "inputs")
        middle.complete("all of it")
        before = now_ms()
        server.start()
        doctor.main([])
        assert "2 waited to be sent to the store: sent" in capsys.readouterr().out
        assert not unsent(repository)
        again = tracking.open_store(repository)
        assert len(again.client.search_runs(["1"])) == 3
        for run in (from_the_start, middle):
            found = again.of_training(run.training)
            assert found is not None
            record = found.record
            assert content(again, record) == undisturbed
            assert record.info.end_time < before
            history = again.client.get_metric_history(found.id, "val_loss")
            assert all(one.timestamp < before for one in history)
