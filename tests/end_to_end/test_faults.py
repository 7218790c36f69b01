"""Whatever is killed in the middle, the next `dvc repro` ends well and no run stays RUNNING."""

import signal
from pathlib import Path

import pytest

from tests.end_to_end.project import Project, kill, sha256, wait_for
from tests.processes import is_alive

pytestmark = pytest.mark.soak

LONGER: dict[str, dict[str, object]] = {"train": {"epochs": 40}}


def statuses(project: Project) -> set[str]:
    return {run.info.status for run in project.runs()}


@pytest.mark.parametrize(
    ("stage", "victim"),
    [
        ("train", "dvc"),
        ("export", "stage"),
        *(
            pytest.param(stage, victim, marks=pytest.mark.soak_all)
            for stage in ("fetch", "prepare", "train", "export", "evaluate")
            for victim in ("dvc", "stage")
            if (stage, victim) not in {("train", "dvc"), ("export", "stage")}
        ),
    ],
)
def test_kill_in_the_middle_of_a_stage(project: Project, stage: str, victim: str) -> None:
    """`kill -9` of dvc takes its stage along; of the stage, dvc fails; both are mended by repro."""
    with project.start("dvc", "repro") as dvc:
        process = project.stage_process(stage)
        kill(dvc if victim == "dvc" else process)
        assert dvc.wait(30) != 0
        wait_for(lambda: not is_alive(process))
    project.run("dvc", "repro")
    assert project.json("models/model.card.json")["name"] == "digits-classifier"
    assert statuses(project) <= {"FINISHED", "KILLED", "FAILED"}
    assert [run.data.tags.get("pipeline.complete") for run in project.runs()].count("true") == 1


def checkpoints(project: Project) -> list[Path]:
    return sorted(project.root.glob(".train/*/checkpoints/*.ckpt"))


def interrupt_training(project: Project) -> None:
    """Kill the training once an epoch is behind it."""
    with project.start("dvc", "repro") as dvc:
        process = project.stage_process("train")
        wait_for(lambda: checkpoints(project))
        kill(process)
        dvc.wait(30)


def test_resumed_training_gives_the_same_bytes_in_the_same_run(
    project: Project, tmp_path: Path
) -> None:
    """An interrupted training goes on from its checkpoint; an uninterrupted one agrees."""
    project.set_params(LONGER)
    project.commit("Train longer")
    whole = project.copy(tmp_path / "another-name")
    whole.run("dvc", "repro")
    interrupt_training(project)
    assert statuses(project) == {"RUNNING"}
    said = project.run("dvc", "repro")
    assert "goes on after epoch" in said
    (run,) = project.runs()
    assert run.info.status == "FINISHED"
    history = project.store.get_metric_history(run.info.run_id, "curves/val_loss")
    assert sorted({metric.step for metric in history}) == list(range(1, 41))
    for path in ("models/model.ckpt", "models/model.onnx", "plots/train/curves.csv"):
        assert sha256(project, path) == sha256(whole, path), path
    assert not checkpoints(project)


@pytest.mark.soak_all
def test_resume_can_be_switched_off(project: Project) -> None:
    """`TRAIN_RESUME=0` starts over, in a run of its own, and ends the dead one."""
    project.set_params(LONGER)
    interrupt_training(project)
    said = project.run("dvc", "repro", TRAIN_RESUME="0")
    assert "goes on after epoch" not in said
    assert sorted(run.info.status for run in project.runs()) == ["FINISHED", "KILLED"]


@pytest.mark.soak_all
def test_torn_checkpoint_is_not_trusted(project: Project) -> None:
    """A checkpoint that cannot be read is dropped; training starts over and ends well."""
    project.set_params(LONGER)
    interrupt_training(project)
    for path in checkpoints(project):
        path.write_bytes(path.read_bytes()[:1000])
    assert "goes on after epoch" not in project.run("dvc", "repro")
    curves = (project.root / "plots/train/curves.csv").read_text().splitlines()
    assert len(curves) == 1 + 40


def test_preempted_training_is_killed_and_goes_on(project: Project) -> None:
    """SIGUSR1 ends it in order: its run is KILLED at once, and finished by the same command."""
    project.set_params(LONGER)
    repro = ("python", "-m", "convnet", "repro", "train")
    with project.start(*repro, PYTHONPATH=str(project.root)) as process:
        wait_for(lambda: checkpoints(project))
        process.send_signal(signal.SIGUSR1)
        assert process.wait(60) == 75
    assert statuses(project) == {"KILLED"}
    assert "goes on after epoch" in project.run(*repro, PYTHONPATH=str(project.root))
    assert [run.info.status for run in project.runs()] == ["FINISHED"]


def test_failed_training_is_failed(project: Project) -> None:
    """An error in the training leaves a FAILED run that names it."""
    project.set_params({"train": {"learning_rate": 1e30, "optimizer": "sgd"}})
    said = project.run("dvc", "repro", check=False)
    assert "not a number" in said
    assert statuses(project) == {"FAILED"}
