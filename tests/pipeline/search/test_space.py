"""A sweep's space is as typed as params.yaml, and dies before any work."""

from pathlib import Path

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import config
from pipeline.config import ConfigError
from pipeline.search import space

ROOT = Path(__file__).parents[3]
BASE = config.load(ROOT / "params.yaml")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    return path


def test_the_shipped_space_is_sound() -> None:
    """Every end of every range is a value that params.yaml takes."""
    assert "train.learning_rate" in space.load(ROOT / "sweep.yaml", BASE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train.learning_rat: [1.0]", "did you mean 'learning_rate'"),
        ("train.learning_rate: [0.1, -1.0]", "train.learning_rate is -1.0"),
        ("model.pooling: [max, min]", "allowed: max, average, sum"),
        ("data.seed: [1, 2]", "a sweep changes model.… and train.… only"),
        ("train.epochs: []", "no choices"),
        ("train.epochs: {low: 5, high: 2}", "low < high"),
        ("train.learning_rate: {low: 0.0, high: 0.1, log: true}", "above 0 for log"),
        ("train.epochs: 3", "list of choices"),
        ("train.epochs: {lo: 3, high: 4}", "list of choices"),
        ("[", "sweep.yaml"),
    ],
)
def test_bad_spaces_are_refused(tmp_path: Path, text: str, words: str) -> None:
    """The key, what was given, what is allowed."""
    with pytest.raises(ConfigError, match=words):
        space.load(written(tmp_path, text), BASE)


@given(low=st.floats(1e-6, 1.0), factor=st.floats(1.001, 1e4), log=st.booleans())
@settings(max_examples=50)
def test_drawn_values_stay_in_range(low: float, factor: float, log: bool) -> None:  # noqa: FBT001 - hypothesis
    """Rounded for people, never over the ends."""
    found = space.Range(low, low * factor, log)
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    assert low <= found.draw(trial, "x") <= low * factor


def test_choices_may_be_lists(tmp_path: Path) -> None:
    """Hidden widths are lists: drawn whole."""
    found = space.load(written(tmp_path, "model.hidden: [[120, 84], [50]]"), BASE)
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    drawn = found["model.hidden"].draw(trial, "model.hidden")
    params = space.changed(BASE, {"model.hidden": drawn}, source="a test")
    assert params.model.hidden in {(120, 84), (50,)}
