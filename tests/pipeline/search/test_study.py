"""A study goes on where it stopped, on any machine; what is another one is refused."""

import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.storages import fail_stale_trials
from optuna.trial import TrialState

from pipeline import config
from pipeline.search import space
from pipeline.search import study as studies
from pipeline.search.space import Choices, Range
from pipeline.search.study import VALUES, Place, SweepError
from tests.end_to_end.project import wait_for

ROOT = Path(__file__).parents[3]
BASE = config.load(ROOT / "params.yaml")
RATES = {"train.learning_rate": Range(0.001, 1.0)}
PLACE = """
import sys, time
from pipeline.search.study import Place, VALUES
def work(trial):
    trial.suggest_float("train.learning_rate", 0.001, 1.0)
    trial.set_user_attr("pipeline.run", "lost")
    print("begun", flush=True)
    time.sleep(60)
Place(sys.argv[1], "a", heartbeat_s=1).open().optimize(work, n_trials=1)
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(studies.local(tmp_path), "a", heartbeat_s=1)


def values_of(space_: space.Space, trial: optuna.Trial) -> dict[str, object]:
    """Draw as a trial of a sweep does."""
    trial.study.sampler = optuna.samplers.TPESampler(
        seed=studies.seed(trial.study.study_name, trial.number)
    )
    values = {key: one.draw(trial, key) for key, one in space_.items()}
    studies.refuse_duplicate(trial, values)
    trial.set_user_attr(VALUES, values)
    return values


def drawn(study: optuna.Study) -> list[object]:
    return [trial.user_attrs[VALUES] for trial in study.trials if VALUES in trial.user_attrs]


def test_a_sweep_that_was_stopped_draws_on(tmp_path: Path) -> None:
    """Opened again after each trial, it draws what one that was never stopped does."""

    def objective(trial: optuna.Trial) -> float:
        return float(str(values_of(RATES, trial)["train.learning_rate"]))

    (tmp_path / "once").mkdir()
    once = Place(studies.local(tmp_path / "once"), "a").open()
    studies.fill(once, objective, trials=3)
    again = Place(studies.local(tmp_path), "a")
    for trials in range(1, 4):
        studies.fill(again.open(), objective, trials=trials)
    assert drawn(again.open()) == drawn(once)
    assert len({str(values) for values in drawn(once)}) == 3


def test_no_values_are_tried_twice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three combinations are three trials, however many are asked for."""
    monkeypatch.setattr(studies, "TRIES", 8)
    choices = {"model.pooling": Choices(["max", "average", "sum"])}
    study = place.open()
    studies.fill(study, lambda trial: len(str(values_of(choices, trial))), trials=10)
    assert sorted(str(values) for values in drawn(study)) == [
        "{'model.pooling': 'average'}", "{'model.pooling': 'max'}", "{'model.pooling': 'sum'}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "changes", "other", "words"),
    [
        ("e" * 64, {}, RATES, "the data"),
        ("d" * 64, {"train.epochs": 3}, RATES, "params.yaml"),
        ("d" * 64, {}, {"train.learning_rate": Range(0.001, 0.5)}, "the space"),
    ],
)
def test_another_study_of_the_same_name_is_refused(
    data: str, changes: dict[str, int], other: space.Space, words: str, place: Place
) -> None:
    """Its trials would not compare; the line says what differs and both ways on."""
    study = place.open()
    studies.claim(study, studies.made_of(BASE, RATES, "d" * 64))
    swept = space.changed(BASE, {"train.learning_rate": 0.5}, source="a test")
    studies.claim(study, studies.made_of(swept, RATES, "d" * 64))  # the space says that one
    base = space.changed(BASE, changes, source="a test")
    with pytest.raises(
        SweepError, match=f"not what the study 'a' is made of: {words}; undo.*--name"
    ):
        studies.claim(study, studies.made_of(base, other, data))


def test_a_storage_that_is_none_is_one_line() -> None:
    """With the two forms that work."""
    with pytest.raises(SweepError, match=r"cannot be used.*postgresql"):
        Place("sqlite:////nowhere/at/all.db", "a").open()


@pytest.mark.soak
def test_trials_of_a_dead_machine_are_tried_again(place: Place) -> None:
    """Its heartbeats stop: the trial fails, and its values and its run wait for the next worker."""
    with subprocess.Popen(
        [sys.executable, "-c", PLACE, place.storage], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "begun\n"
        worker.kill()
    study = place.open()

    def waiting() -> bool:
        fail_stale_trials(study)
        return [trial.state for trial in study.trials] == [TrialState.FAIL, TrialState.WAITING]

    assert [trial.state for trial in study.trials] == [TrialState.RUNNING]
    wait_for(waiting)
    assert study.trials[1].params == study.trials[0].params
    assert study.trials[1].user_attrs["pipeline.run"] == "lost"
