"""`convnet doctor` finds what is off, mends what is safe to mend, and says the rest."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.data import arrays
from pipeline.lifecycle import doctor
from pipeline.tracking import provenance
from pipeline.tracking import store as tracking
from tests.pipeline.cases import prepared_set

EXPERIMENT = "stripes-classifier"


@pytest.fixture
def checkup(store: tracking.Store, capsys: pytest.CaptureFixture[str]) -> "Checkup":
    arrays.save(store.root / "data/prepared", prepared_set())
    return Checkup(capsys)


class Checkup:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self) -> tuple[int, str]:
        status = doctor.main([])
        return status, self.capsys.readouterr().out


def test_sound_checkout(checkup: Checkup) -> None:
    """A line each, and exit status 0."""
    status, said = checkup()
    assert status == 0
    assert "off" not in {line.split()[0] for line in said.splitlines()}


def test_run_of_a_dead_process_and_deleted_experiment_are_mended(
    checkup: Checkup, store: tracking.Store
) -> None:
    """Once; a training that was refused because of the experiment goes on afterwards."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        tags = provenance.process_tags() | {"pid": str(process.pid), "pid.started": "1.0"}
        run = store.create(EXPERIMENT, "a run", tags, Path("params.yaml"))
        os.kill(process.pid, signal.SIGKILL)
    status, said = checkup()
    assert (status, "1 of dead processes were RUNNING: KILLED" in said) == (0, True)
    assert run.record.info.status == "KILLED"
    store.client.delete_experiment(run.record.info.experiment_id)
    with pytest.raises(tracking.TrackingError, match=r"was deleted: `convnet doctor` restores"):
        store.create(EXPERIMENT, "another", {}, Path("params.yaml"))
    assert f"the experiment '{EXPERIMENT}' was deleted: restored" in checkup()[1]
    store.create(EXPERIMENT, "another", {}, Path("params.yaml"))
    assert "mended" not in checkup()[1]


def test_what_it_cannot_mend_is_said(
    checkup: Checkup, store: tracking.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other versions, git's refusal, artifacts that are gone, wrong parameters: status 1."""
    run = store.create(EXPERIMENT, "a run", {}, Path("params.yaml"))
    run.add_files([Path("params.yaml")], "inputs")
    run.complete("all of it")
    shutil.rmtree(store.root / "mlartifacts")
    (store.root / "constraints.txt").write_text("numpy==1.0\nnot-installed-anywhere==1\n")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    (store.root / "params.yaml").write_text("train: {}\n")
    status, said = checkup()
    assert status == 1
    off = {line.split()[1] for line in said.splitlines() if line.startswith("off")}
    assert off == {"checkout", "versions", "params", "runs"}
    assert "(tested: 1.0): `make setup`" in said


def test_store_that_does_not_answer(checkup: Checkup, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address, and what to do."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    status, said = checkup()
    assert status == 1
    assert "off     store     the tracking store 'http://127.0.0.1:9' does not answer" in said
