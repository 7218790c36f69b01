"""dvc.yaml tells the truth: each stage depends on all the code and parameters that it reads."""

import re
from pathlib import Path
from typing import Any

import grimp
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
STAGES: dict[str, dict[str, Any]] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("pipeline", cache_dir=None)


def source_of(module: str) -> str:
    path = Path(*module.split("."))
    package = path / "__init__.py"
    return str(package if (ROOT / package).exists() else path.with_suffix(".py"))


@pytest.mark.parametrize("stage", STAGES)
def test_stage_depends_on_every_module_it_reaches(stage: str, graph: grimp.ImportGraph) -> None:
    """No more and no less: a forgotten module keeps stale outs, a spare one reruns for nothing."""
    module = f"pipeline.stages.{stage}"
    reached = {source_of(name) for name in {module, *graph.find_upstream_modules(module)}}
    listed = {dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")}
    assert listed == {path for path in reached if not path.endswith("__init__.py")}


@pytest.mark.parametrize("stage", STAGES)
def test_command_names_its_deps_and_outs(stage: str) -> None:
    """Paths come from dvc.yaml alone, as arguments that are deps or outs of the stage."""
    arguments = re.findall(r"--\S+ (\S+)", STAGES[stage]["cmd"])
    entries = [
        entry
        for key in ("deps", "outs", "metrics", "plots")
        for entry in STAGES[stage].get(key, [])
    ]
    known = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]
    for argument in arguments:
        assert any(path == argument or path.startswith(f"{argument}/") for path in known), argument
