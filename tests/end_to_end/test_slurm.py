"""The job files on a real SLURM: preempted and queued again, a training ends as if undisturbed."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.checkout import fresh
from tests.end_to_end.project import Project, sha256, wait_for
from tests.end_to_end.slurm import Slurm, slurm

pytestmark = pytest.mark.soak

EPOCHS = 30
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Slurm]:
    with slurm() as made:
        yield made


def wait_for_end(cluster: Slurm, job: str) -> str:
    """Wait until the job has run for the second time; returns its state."""
    wait_for(lambda: cluster.job(job)["Restarts"] == "1")
    wait_for(lambda: cluster.job(job)["JobState"] != "PENDING")
    wait_for(lambda: cluster.job(job)["JobState"] in ENDED)
    return cluster.job(job)["JobState"]


def wait_for_epoch(project: Project, least: int) -> None:
    def reached() -> bool:
        kept = project.root.glob(".train/*/checkpoints/epoch=*.ckpt")
        return any(int(path.stem.partition("=")[2]) >= least for path in kept)

    wait_for(reached)


def test_a_preempted_job_ends_in_one_run_with_equal_bytes(cluster: Slurm, tmp_path: Path) -> None:
    """Two tasks stop at the same step, the job is requeued, and goes on after the last epoch."""
    project = fresh(tmp_path / "checkout")
    project.set_params({"train": {"epochs": EPOCHS, "devices": 2, "strategy": "ddp"}})
    project.commit("Train on two devices")
    whole = project.copy(tmp_path / "undisturbed")
    whole.run("python", "-m", "convnet", "repro", "train", PYTHONPATH=str(whole.root))

    def on_cluster(*command: str) -> str:
        return cluster.run(*command, folder=project.root, environment=project.environment)

    job = on_cluster("sbatch", "--parsable", "deploy/slurm/train.sbatch", "train")
    wait_for_epoch(project, random.randrange(EPOCHS // 2))  # noqa: S311 - a moment like any other
    on_cluster("scancel", "--signal=USR1", "--batch", job)  # as --signal does near the time's end
    state = wait_for_end(cluster, job)
    log = (project.root / f"slurm-{job}.log").read_text()
    assert state == "COMPLETED", log
    assert "stopped by a signal in epoch" in log
    assert "goes on after epoch=" in log
    (run,) = project.runs()
    assert run.info.status == "FINISHED"
    history = project.store.get_metric_history(run.info.run_id, "curves/val_loss")
    assert sorted(metric.step for metric in history) == list(range(1, EPOCHS + 1))
    for path in ("models/model.ckpt", "plots/train/curves.csv"):
        assert sha256(project, path) == sha256(whole, path), path


def test_the_tasks_of_an_array_share_a_study(cluster: Slurm, tmp_path: Path) -> None:
    """Each is a worker: together they make as many trials as were asked for, all different."""
    project = fresh(tmp_path / "checkout")
    project.run("python", "-m", "convnet", "repro", "prepare")
    job = cluster.run(
        "sbatch", "--parsable", "--array=1-2", "deploy/slurm/sweep.sbatch", "--trials", "4",
        folder=project.root, environment=project.environment,
    )  # fmt: skip
    wait_for(lambda: cluster.is_over(job))
    logs = [(project.root / f"slurm-{job}_{task}.log").read_text() for task in (1, 2)]
    for log in logs:
        assert "best: trial" in log
        assert "trial" in log.partition("best:")[0], log
    trials = [run for run in project.runs() if "sweep.trial" in run.data.tags]
    assert {run.info.status for run in trials} == {"FINISHED"}
    rates = {run.data.params["learning_rate"] for run in trials}
    assert len(trials) == len(rates) >= 4
    assert len({run.data.tags["mlflow.parentRunId"] for run in trials}) == 1
