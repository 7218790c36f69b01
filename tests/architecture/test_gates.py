"""Each gate of `make check` has teeth: a fault planted in a checkout turns it red."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.project import Project, checkout

ROOT = Path(__file__).parents[2]
RECIPE = re.search(r"^check: .*?\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
GATES = (
    [line.strip().removeprefix("$(IN_VENV) ") for line in RECIPE[1].splitlines()] if RECIPE else []
)
FAULTS = {
    "ruff format --check .": ("contract/planted.py", '"""A fault."""\n\nWORD = \'word\'\n'),
    "ruff check .": ("contract/planted.py", '"""A fault."""\n\nimport os\n'),
    "mypy": ("contract/planted.py", '"""A fault."""\n\nNUMBER: int = "word"\n'),
    "lint-imports": ("contract/planted.py", '"""A fault."""\n\nfrom pipeline import errors\n'),
    "pytest -q tests/architecture": (
        "pipeline/stages/export.py",
        "from pipeline.search import space\n",
    ),
    "pytest -q tests/documents": ("docs/tutorial.md", "\n[A page that is not there](gone.md)\n"),
    "zizmor --offline --quiet --persona pedantic .github": (
        ".github/workflows/check.yml",
        "  planted:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: actions/checkout@v5\n",
    ),
    "zensical build --clean --strict": (
        "docs/tutorial.md",
        "\n[A page that is not there](gone.md)\n",
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A checkout; mypy looks at one package of it, so that it takes seconds."""
    made = checkout(tmp_path_factory.mktemp("gates") / "checkout")
    settings = made.root / "pyproject.toml"
    text = re.sub(r'^files = \["contract".*\]$', 'files = ["contract"]', settings.read_text(),
                  flags=re.MULTILINE)  # fmt: skip
    settings.write_text(text)
    return made


def gates() -> list[str]:
    """The commands of the recipe, those of pytest by folder."""
    found = []
    for gate in GATES:
        folders = re.findall(r" (tests/\w+)", gate)
        found += [f"pytest -q {folder}" for folder in folders] or [gate]
    return found


def test_every_gate_has_a_fault() -> None:
    """A gate that is added to `make check` is seen red here, too."""
    assert gates() == list(FAULTS)


@pytest.mark.soak
@pytest.mark.parametrize("gate", FAULTS)
def test_a_planted_fault_turns_the_gate_red(gate: str, project: Project) -> None:
    """And without the fault it is green, where that is not what `make check` has just said."""
    name, fault = FAULTS[gate]
    path = project.root / name
    before = path.read_text() if path.exists() else None
    path.write_text((before or "") + fault)
    command = shlex.split(gate)
    if "tests/documents" in gate:
        command += ["-k", "link"]
    try:
        assert run(command, project).returncode != 0
    finally:
        path.unlink() if before is None else path.write_text(before)
    if command[0] in {"ruff", "mypy", "lint-imports", "zizmor", "zensical"}:
        done = run(command, project)
        assert done.returncode == 0, done.stdout


def run(command: list[str], project: Project) -> subprocess.CompletedProcess[str]:
    environment = {**project.environment, "PYTHONPATH": str(project.root)}
    return subprocess.run(
        command, cwd=project.root, env=environment, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
