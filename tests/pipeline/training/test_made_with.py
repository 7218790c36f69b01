"""Versions and device belong to a training as its parameters do."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch

from pipeline import config
from pipeline.training import made_with
from pipeline.training import recipe as recipes
from tests.pipeline.cases import prepared_set

PARAMS = config.load(Path(__file__).parents[3] / "params.yaml")
METRICS = Path("metrics/train.json")


def commit(folder: Path, content: dict[str, object]) -> None:
    (folder / METRICS).parent.mkdir()
    (folder / METRICS).write_text(json.dumps(content))
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "model"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    (folder / METRICS).unlink()  # as DVC does before the stage


def test_a_model_made_otherwise_is_spoken_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The committed metrics name both sides; the file itself is gone when the stage starts."""
    monkeypatch.chdir(tmp_path)
    commit(tmp_path, {"made_with": "torch 1.0, device cpu SSE"})
    warning = made_with.warning(METRICS, PARAMS.train)
    assert warning is not None
    assert "was made with torch 1.0, device cpu SSE; here it is torch 2." in warning


@pytest.mark.parametrize(
    "content", [{"made_with": made_with.sentence(PARAMS.train)}, {"loss": 1.0}]
)
def test_nothing_is_said_where_nothing_differs(
    content: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor where no model is committed, or one of before."""
    monkeypatch.chdir(tmp_path)
    assert made_with.warning(METRICS, PARAMS.train) is None
    commit(tmp_path, content)
    assert made_with.warning(METRICS, PARAMS.train) is None


def test_key_holds_all_that_makes_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parameters, data, versions, device, code outside of pipeline/, constraints.txt."""
    recipe = recipes.Recipe(PARAMS.model, PARAMS.train, prepared_set())
    keys = {recipe.key, recipe.key}
    assert len(keys) == 1
    keys.add(replace(recipe, train=msgspec.structs.replace(PARAMS.train, seed=9)).key)
    keys.add(replace(recipe, data=prepared_set(classes=4)).key)
    with monkeypatch.context() as patch:
        patch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "SSE")
        keys.add(recipe.key)
        assert recipe.tags["made_with.device"] == "cpu SSE"
    for file in ("constraints.txt", "contract/files.py", "pipeline/errors.py"):
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        monkeypatch.setattr(recipes, "ROOT", tmp_path)
        path.write_text("1")
        keys.add(recipe.key)
    assert len(keys) == 7


def test_precision_auto_is_settled_before_the_training(capsys: pytest.CaptureFixture[str]) -> None:
    """The recipe, and so the key and the tags, name what was chosen; one line says why."""
    auto = msgspec.structs.replace(PARAMS.train, precision="auto", batch_size=8)
    recipe = recipes.Recipe(PARAMS.model, auto, prepared_set()).resolved()
    assert recipe.train.precision in {"32-true", "bf16-mixed"}
    assert recipe.tags["made_with.precision"] == recipe.train.precision
    assert capsys.readouterr().out.startswith(f"precision: {recipe.train.precision}; bf16-mixed ")
