"""The job files on a real SLURM: preempted and queued again, a training ends as if undisturbed."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.documents.checkout import fresh
from tests.end_to_end.project import Project, sha256, wait_for
from tests.end_to_end.slurm import Slurm, slurm

pytestmark = pytest.mark.soak

EPOCHS = 60
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


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A checkout that has trained on two devices, without SLURM; its commit is trained again."""
    project = fresh(tmp_path_factory.mktemp("undisturbed") / "checkout")
    project.set_params({"train": {"epochs": EPOCHS, "devices": 2, "strategy": "ddp"}})
    project.commit("Train on two devices")
    project.run("python", "-m", "convnet", "repro", "train")
    return project


def started(cluster: Slurm, project: Project) -> str:
    """Give the number of a job that trains, some epochs after its start."""
    job = on(cluster, project, "sbatch", "--parsable", "deploy/slurm/train.sbatch", "train")
    wait_for_epoch(project, random.randrange(EPOCHS // 4))  # noqa: S311 - a moment like any other
    return job


def on(cluster: Slurm, project: Project, *command: str) -> str:
    return cluster.run(*command, folder=project.root, environment=project.environment)


def copy(undisturbed: Project, root: Path) -> Project:
    made = undisturbed.copy(root)
    (root / ".venv").symlink_to(undisturbed.root / ".venv")
    return replace(made, environment={**made.environment, "PYTHONPATH": str(root)})


@pytest.mark.parametrize(
    "preemption",
    [
        pytest.param(  # as --signal does near the time's end
            ("scancel", "--signal=USR1", "--batch"), id="told"
        ),
        pytest.param(  # another job takes the node, by SIGTERM
            ("sbatch", "--partition=urgent", "--ntasks=2", "--wrap=true"),
            id="taken",
            marks=pytest.mark.soak_all,
        ),
    ],
)
def test_a_preempted_job_ends_in_one_run_with_equal_bytes(
    preemption: tuple[str, ...], cluster: Slurm, undisturbed: Project, tmp_path: Path
) -> None:
    """Two tasks stop at the same step, the job is requeued, and goes on after the last epoch."""
    project = copy(undisturbed, tmp_path / "checkout")
    job = started(cluster, project)
    on(cluster, project, *preemption, *([job] if preemption[0] == "scancel" else []))
    state = wait_for_end(cluster, job)
    log = (project.root / f"slurm-{job}.log").read_text()
    assert state == "COMPLETED", log
    assert "stopped by a signal in epoch" in log
    assert f"job {job} is queued again" in log
    assert "goes on after epoch=" in log
    (run,) = project.runs()
    assert run.info.status == "FINISHED"
    history = project.store.get_metric_history(run.info.run_id, "curves/val_loss")
    assert sorted(metric.step for metric in history) == list(range(1, EPOCHS + 1))
    for path in ("models/model.ckpt", "plots/train/curves.csv"):
        assert sha256(project, path) == sha256(undisturbed, path), path


def test_a_cancelled_job_stays_cancelled(
    cluster: Slurm, undisturbed: Project, tmp_path: Path
) -> None:
    """It gets the signal of a preempted one, and stops in order, but is not queued again."""
    project = copy(undisturbed, tmp_path / "checkout")
    job = started(cluster, project)
    on(cluster, project, "scancel", job)
    wait_for(lambda: cluster.is_over(job))
    assert cluster.job(job)["JobState"] == "CANCELLED"
    log = (project.root / f"slurm-{job}.log").read_text()
    assert "preempted (SIGTERM): the same command goes on" in log
    assert "queued again" not in log
    assert [run.info.status for run in project.runs()] == ["KILLED"]


@pytest.mark.soak_all
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
