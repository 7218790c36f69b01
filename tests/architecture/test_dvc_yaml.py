"""dvc.yaml tells the truth: each stage depends on all the code that it reaches."""

import ast
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
    return grimp.build_graph("pipeline", "contract", cache_dir=None)


def source_of(module: str) -> Path:
    path = Path(*module.split("."))
    package = path / "__init__.py"
    return package if (ROOT / package).exists() else path.with_suffix(".py")


def is_lobby(path: Path) -> bool:
    """Whether the file only opens a package: a docstring, no code."""
    return path.stem == "__init__" and len(ast.parse((ROOT / path).read_text()).body) <= 1


@pytest.fixture(params=STAGES)
def rooms_and_sources(
    request: pytest.FixtureRequest, graph: grimp.ImportGraph
) -> tuple[set[Path], set[Path]]:
    """The code that a stage lists, and the files that its imports reach."""
    stage: str = request.param
    module = f"pipeline.stages.{stage}"
    reached = {source_of(name) for name in {module, *graph.find_upstream_modules(module)}}
    reached = {path for path in reached if not is_lobby(path)}
    deps = map(Path, STAGES[stage]["deps"])
    return {dep for dep in deps if dep.parts[0] in ("contract", "pipeline")}, reached


def holds(room: Path, source: Path) -> bool:
    return room == source or room in source.parents


def test_stage_depends_on_all_code_that_it_reaches(
    rooms_and_sources: tuple[set[Path], set[Path]],
) -> None:
    """A module outside the listed rooms would keep stale outs."""
    rooms, reached = rooms_and_sources
    assert {path for path in reached if not any(holds(room, path) for room in rooms)} == set()


def test_stage_lists_no_room_in_vain(rooms_and_sources: tuple[set[Path], set[Path]]) -> None:
    """A room that a stage does not reach would run it again for nothing; so would a room twice."""
    rooms, reached = rooms_and_sources
    assert {room for room in rooms if not any(holds(room, path) for path in reached)} == set()
    assert not [(a, b) for a in rooms for b in rooms if a != b and holds(a, b)]


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
