"""The best of a sweep is one command away."""

from pathlib import Path

import optuna
import pytest
from optuna.trial import create_trial

from pipeline import config
from pipeline.search import study as studies
from pipeline.search import sweep
from pipeline.search.study import Place, SweepError

FLOATS = optuna.distributions.FloatDistribution(0.001, 1.0)


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    return Place(studies.local(tmp_path), "a").open()


def add(study: optuna.Study, rate: float, value: float) -> None:
    study.add_trial(
        create_trial(
            params={"train.learning_rate": rate},
            distributions={"train.learning_rate": FLOATS},
            value=value,
            user_attrs={"values": {"train.learning_rate": rate}, "pipeline.run": "r"},
        )
    )


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


@pytest.mark.parametrize(
    ("nodes", "variables"),
    [(2, {}), (1, {"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "2", "RANK": "0"})],
)
def test_a_sweep_starts_its_own_processes(
    nodes: int, variables: dict[str, str], repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trials on several machines, or a sweep in each process of torchrun: one line, no work."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    params = Path("params.yaml").read_text()
    params = params.replace("num_nodes: 1", f"num_nodes: {nodes}")
    Path("params.yaml").write_text(params.replace("strategy: auto", "strategy: ddp "))
    given = sweep.Sweep(repository, Place(studies.local(repository), "a"), Path("sweep.yaml"), 3)
    with pytest.raises(SweepError, match=r"starts its own.*without torchrun"):
        sweep.run(given, workers=1)
