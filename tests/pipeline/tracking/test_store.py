"""Runs are found by what they made, and none stays RUNNING when its process is gone."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.tracking import provenance, trainings
from pipeline.tracking import store as tracking
from pipeline.tracking.ending import ended_with
from pipeline.tracking.run import TrackedRun

ROOT = Path(__file__).parents[3]
PARAMS = Path("params.yaml")


def opened(store: tracking.Store, **tags: str) -> TrackedRun:
    named = {key.replace("__", "."): value for key, value in tags.items()}
    return store.create("digits-classifier", "a run", named, PARAMS)


def finished(store: tracking.Store, **tags: str) -> TrackedRun:
    run = opened(store, **tags)
    with ended_with(run):
        pass
    return run


def test_newest_run_with_the_hash_is_found(store: tracking.Store) -> None:
    """Export and evaluate ask by content; other hashes and unfinished runs do not answer."""
    finished(store, checkpoint__sha256="aa")
    newest = finished(store, checkpoint__sha256="aa")
    opened(store, checkpoint__sha256="aa")
    found = store.find({"checkpoint.sha256": "aa"})
    assert found is not None
    assert found.id == newest.id
    assert store.find({"checkpoint.sha256": "bb"}) is None


def test_unknown_model_opens_a_restored_run(store: tracking.Store) -> None:
    """What came out of somebody else's DVC cache is tracked too, once, and says so."""
    wanted = {"onnx.sha256": "cc"}
    made = store.find_or_restore(wanted, dataset="digits", params_file=PARAMS)
    again = store.find_or_restore(wanted, dataset="digits", params_file=PARAMS)
    assert made.experiment == "digits-classifier"
    assert made.tags["restored"] == "true"
    assert made.id == again.id
    assert made.record.info.status == "FINISHED"


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError, "FAILED"), (KeyboardInterrupt, "KILLED"), (SystemExit, "KILLED")],
)
def test_status_says_how_the_training_ended(
    store: tracking.Store, error: type[BaseException], status: str
) -> None:
    """A failure is FAILED, a signal is KILLED, and neither is swallowed."""
    run = opened(store)
    with pytest.raises(error), ended_with(run):
        raise error
    assert run.record.info.status == status


def test_adding_to_a_finished_run_leaves_it_finished(store: tracking.Store) -> None:
    """Later stages add numbers, files and tags without setting the run RUNNING again."""
    run = finished(store)
    run.add_metrics({"test.accuracy": 0.5})
    run.add_files([Path("params.yaml")], "inputs")
    run.complete("all of it")
    assert run.record.info.status == "FINISHED"
    assert run.record.data.metrics["test.accuracy"] == 0.5
    assert [item.path for item in store.client.list_artifacts(run.id, "inputs")] == [
        "inputs/params.yaml"
    ]


def test_changed_parameter_becomes_a_tag(store: tracking.Store) -> None:
    """MLflow refuses another value for a logged parameter; the new one is kept beside it."""
    run = opened(store)
    run.add_params({"export.parity_tolerance": 1e-5})
    run.add_params({"export.parity_tolerance": 1e-4, "export.golden_images": 3})
    params = run.record.data.params
    assert params == {"yaml/export.parity_tolerance": "1e-05", "yaml/export.golden_images": "3"}
    assert run.tags["changed.yaml/export.parity_tolerance"] == "0.0001"


def test_run_of_a_dead_process_is_ended_and_others_are_left(store: tracking.Store) -> None:
    """Only runs of this host whose process is gone are KILLED; siblings and colleagues stay."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        dead = opened(store, **{**own_tags(), "pid": str(process.pid), "pid__started": "1.0"})
        os.kill(process.pid, signal.SIGKILL)
    alive = opened(store, **own_tags())
    colleague = opened(store, **{**own_tags(), "host": "elsewhere", "pid": "1"})
    foreign = opened(store)
    assert store.end_dead_runs() == [dead.id]
    statuses = [run.record.info.status for run in (dead, alive, colleague, foreign)]
    assert statuses == ["KILLED", "RUNNING", "RUNNING", "RUNNING"]


def test_reused_pid_is_not_mistaken_for_the_dead(store: tracking.Store) -> None:
    """The same pid with another start time is another process."""
    reused = opened(store, **{**own_tags(), "pid__started": "12345.0"})
    assert store.end_dead_runs() == [reused.id]


def own_tags() -> dict[str, str]:
    return {key.replace(".", "__"): value for key, value in provenance.process_tags().items()}


def test_reopened_run_goes_on(store: tracking.Store) -> None:
    """A KILLED run is RUNNING again; a finished or deleted one is not touched."""
    killed = opened(store)
    store.client.set_terminated(killed.id, "KILLED")
    reopened = store.reopen(killed.id)
    assert reopened is not None
    assert reopened.record.info.status == "RUNNING"
    assert store.reopen(finished(store).id) is None
    store.client.delete_run(killed.id)
    assert store.reopen(killed.id) is None
    assert store.reopen("0" * 32) is None


def test_a_run_that_goes_on_forgets_its_error(store: tracking.Store) -> None:
    """What ended it once is no news of a run that is RUNNING, and later FINISHED."""
    run = opened(store)
    with pytest.raises(OSError, match="full"), ended_with(run):
        raise OSError("the disk is full")
    assert run.tags["error"] == "OSError: the disk is full"
    reopened = store.reopen(run.training)
    assert reopened is not None
    assert "error" not in reopened.tags
    assert reopened.record.info.status == "RUNNING"


def test_equal_bytes_adopt_the_complete_results(store: tracking.Store) -> None:
    """A second training to the same checkpoint is complete as well: DVC skips what follows."""
    first = finished(store, checkpoint__sha256="dd")
    first.add_metrics({"test.accuracy": 0.9, "val_loss": 0.1})
    first.add_params({"evaluate.blur": 1.0})
    first.add_tags({"onnx.sha256": "ee"})
    first.add_files([Path("params.yaml")], "plots")
    first.complete("all of it")
    second = opened(store, checkpoint__sha256="dd")
    second.add_metrics({"val_loss": 0.2})
    second.adopt_equal("dd")
    assert second.record.data.metrics == {"test.accuracy": 0.9, "val_loss": 0.2}
    assert second.record.data.params == {"yaml/evaluate.blur": "1.0"}
    assert second.tags["duplicate_of"] == first.id
    assert second.tags["pipeline.complete"] == "true"
    assert store.client.list_artifacts(second.id, "plots")


def first_use(root: str) -> str:
    return tracking.open_store(Path(root)).experiment_id("digits-classifier")


def test_two_first_uses_at_once_share_one_database(repository: Path) -> None:
    """Migrations of a fresh sqlite file do not meet."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        ids = pool.map(first_use, [str(repository)] * 2)
    assert ids[0] == ids[1]


def test_silent_server_is_named(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracking server that is down is an error that says which and what to do."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert tracking.open_store(repository).away
    with pytest.raises(
        tracking.TrackingError, match=r"'http://127.0.0.1:9' does not answer.*unset"
    ):
        tracking.answering(repository)


def test_equal_bytes_of_two_people_stay_apart(store: tracking.Store, tmp_path: Path) -> None:
    """Each checkout finds the run of its own training; a file from elsewhere, the newest."""
    other = tracking.Store(store.client, store.uri, tmp_path / "colleague")
    runs = [finished(one, checkpoint__sha256="aa") for one in (store, other)]
    assert len({run.training for run in runs}) == 2
    for one, run in zip((store, other), runs, strict=True):
        trainings.remember(one.root, "aa", run.training)
    wanted = {"checkpoint.sha256": "aa"}
    found = [one.find_or_restore(wanted, dataset="digits", params_file=PARAMS).id
             for one in (store, other)]  # fmt: skip
    assert found == [run.id for run in runs]
    third = tracking.Store(store.client, store.uri, tmp_path / "third")
    assert third.find_or_restore(wanted, dataset="digits", params_file=PARAMS).id == runs[1].id
    store.client.delete_run(runs[0].id)
    anew = store.find_or_restore(wanted, dataset="digits", params_file=PARAMS)
    assert (anew.training, anew.tags["restored"]) == (runs[0].training, "true")
