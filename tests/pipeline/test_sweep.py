"""A sweep goes on where it stopped, prunes, and its best is one command away."""

import os
import subprocess
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from pipeline import config, sweep
from pipeline.sweep import Sweep, SweepError
from pipeline.tracking import provenance

FLOATS = optuna.distributions.FloatDistribution(0.001, 1.0)


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return Sweep(tmp_path, "a", tmp_path / "sweep.yaml", 4).study()


def add(study: optuna.Study, rate: float, value: float) -> None:
    study.add_trial(
        create_trial(
            params={"train.learning_rate": rate},
            distributions={"train.learning_rate": FLOATS},
            value=value,
            user_attrs={"values": {"train.learning_rate": rate}, "run_id": "r"},
        )
    )


def test_study_is_a_file_that_goes_on(study: optuna.Study, tmp_path: Path) -> None:
    """Opened again under its name, it knows its trials."""
    add(study, 0.1, 0.9)
    again = Sweep(tmp_path, "a", tmp_path / "sweep.yaml", 4).study()
    assert [trial.value for trial in again.trials] == [0.9]


def test_best_becomes_params_with_comments_kept(study: optuna.Study, repository: Path) -> None:
    """One value changes, and nothing else in the file."""
    add(study, 0.1, 0.9)
    add(study, 0.25, 0.95)
    add(study, 0.5, 0.95)
    before = Path("params.yaml").read_text().splitlines()
    sweep.apply(sweep.best(study), repository / "params.yaml")
    after = Path("params.yaml").read_text().splitlines()
    (changed,) = [line for old, line in zip(before, after, strict=True) if old != line]
    assert changed.split("#")[0].split() == ["learning_rate:", "0.25"]
    assert "# peak" in changed
    assert config.load(Path("params.yaml")).train.learning_rate == 0.25
    assert "dvc exp run -S 'train.learning_rate=0.25'" in sweep.summary(study)


def test_nothing_complete_is_said(study: optuna.Study) -> None:
    """What to do first."""
    with pytest.raises(SweepError, match="`make sweep` first"):
        sweep.best(study)


def test_trials_of_dead_workers_are_tried_again(study: optuna.Study) -> None:
    """A killed worker's trial fails and its values wait for the next; a living one is left."""
    with subprocess.Popen(["true"]) as gone:
        pass
    for pid in (gone.pid, os.getpid()):
        trial = study.ask({"train.learning_rate": FLOATS})
        process = provenance.process_tags() | {"pid": str(pid)}
        for key, value in process.items():
            trial.set_user_attr(key, value)
    sweep.revive(study)
    states = [trial.state for trial in study.trials]
    assert states == [TrialState.FAIL, TrialState.RUNNING, TrialState.WAITING]
    assert study.trials[2].system_attrs["fixed_params"] == study.trials[0].params
