"""Every command and code block of README and docs is run, or says above it why not."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.documents import checkout
from tests.documents.pages import ROOT, Block, blocks, pages
from tests.end_to_end.project import Project

KINDS = ("bash", "python", "console", "yaml", "")
COMMANDS = "cd|convnet|cp|curl|docker|dvc|export|git|make|mlflow|pip|python|source|srun|torchrun"
FIRST_HOUR = "docs/tutorial.md"
SOON = ("README.md", "docs/how-to/disk.md", "docs/how-to/score.md")  # after the first hour
LATER = ("docs/how-to/debug.md", "docs/how-to/network.md", "docs/how-to/experiments.md")
ALL = [block for page in pages() for block in blocks(page)]


def name(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.mark.parametrize("block", ALL, ids=name)
def test_a_block_is_run_or_says_why_not(block: Block) -> None:
    """What has no kind is a drawing or an output: it holds no command."""
    assert block.kind in KINDS
    if block.kind == "":
        assert not re.search(rf"^(\$ )?({COMMANDS}) (?!.*──)", block.text, re.MULTILINE)
    elif checkout.is_run(block):
        assert str(block.page) in {FIRST_HOUR, *SOON, *LATER}


@pytest.mark.parametrize("block", [one for one in ALL if one.kind == "yaml"], ids=name)
def test_a_yaml_block_names_parameters_that_exist(block: Block) -> None:
    """Each key of it is a key of params.yaml."""
    yaml = YAML(typ="safe")
    params = yaml.load(ROOT / "params.yaml")
    for section, values in yaml.load(block.text).items():
        assert set(values) <= set(params[section])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A checkout in which somebody spent the first hour."""
    made = checkout.fresh(tmp_path_factory.mktemp("hour") / "checkout")
    printed = checkout.run(made, checkout.script(Path(FIRST_HOUR)))
    (made.root / "first-hour.log").write_text(printed)
    return made


@pytest.mark.soak
def test_the_first_hour(project: Project) -> None:
    """The tutorial, command by command: a model, a prediction, a champion, a correction."""
    printed = (project.root / "first-hour.log").read_text()
    assert re.search(r"^test accuracy", printed, re.MULTILINE)
    assert re.search(r"^docs/seven\.png \d 0\.\d+$", printed, re.MULTILINE)
    assert "is the champion; serve it: --model models:/digits-classifier@champion" in printed
    assert "1 images (7: 1)" in printed
    assert re.search("^would be: |worse than the champion", printed, re.MULTILINE)


@pytest.mark.soak
@pytest.mark.parametrize("page", SOON)
def test_the_commands_of_a_page(page: str, project: Project) -> None:
    """They succeed in the checkout of the first hour, in the order of the page."""
    project.run("git", "checkout", "--quiet", "--", ".")
    serve = "convnet serve &\ncurl --retry 40 --retry-connrefused -s http://127.0.0.1:8000/ping\n"
    before = f"convnet repro\n{serve if 'curl' in checkout.script(Path(page)) else ''}"
    checkout.run(project, f"set -e\n{before}{checkout.script(Path(page))}")


@pytest.mark.soak_all
@pytest.mark.parametrize("page", LATER)
def test_the_longer_commands_of_a_page(page: str, project: Project) -> None:
    """The same for pages that train again."""
    project.run("git", "checkout", "--quiet", "--", ".")
    checkout.run(project, f"convnet repro\n{checkout.script(Path(page))}")
