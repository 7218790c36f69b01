"""The console command: what it lists, how it finds its modules, and what it says when it cannot."""

import importlib
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest

from convnet.__main__ import main
from convnet.commands import COMMANDS
from convnet.ownership import ForeignPackageError, check_ownership
from serving import __version__
from tests.convnet.run import ROOT, convnet


def test_without_arguments_every_command_is_listed(tmp_path: Path) -> None:
    """The list goes to standard output; the exit status says that nothing was asked for."""
    done = convnet(cwd=tmp_path)
    assert done.returncode == 2
    listed = re.findall(r"^  (\w+) ", done.stdout, re.MULTILINE)
    assert listed == list(COMMANDS)
    assert convnet("--help", cwd=tmp_path).stdout == done.stdout


def test_an_unknown_command_names_the_known_ones(tmp_path: Path) -> None:
    """In one line, with the exit status of a wrong call."""
    done = convnet("train", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"error: 'train' is not a command; there are: {', '.join(COMMANDS)}\n"


@pytest.mark.soak
def test_every_commands_help_works_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the command, not the module behind it; what the command needs is an extra."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setenv("PATH", os.environ["PATH"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name, command in COMMANDS.items():
        assert command.extra in project["optional-dependencies"]
        if name == "repro":  # DVC's own arguments and help
            continue
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        assert re.match(rf"usage: (convnet {name}|python -m serving) ", capsys.readouterr().out)


def test_the_version_is_one(tmp_path: Path) -> None:
    """The command, the server, its description and the changelog agree."""
    assert convnet("--version", cwd=tmp_path).stdout == f"convnet {__version__}\n"
    assert f'"version": "{__version__}"' in (ROOT / "serving/page/openapi.json").read_text()
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "serving.__version__"}


def test_repro_finds_its_own_python(tmp_path: Path) -> None:
    """A stage's `python` is this environment's, though PATH does not know it."""
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  probe:\n    cmd: python -c \"import sys; open('out', 'w').write(sys.prefix)\"\n"
        "    outs: [out]\n"
    )
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    done = convnet("repro", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out").read_text() == sys.prefix


def test_a_missing_package_names_the_extra(tmp_path: Path) -> None:
    """One line that says what to install; a machine that only serves has no training packages."""
    blocked = tmp_path / "sitecustomize.py"
    blocked.write_text("import sys\nsys.modules['mlflow'] = None\n")
    done = convnet("promote", cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert done.returncode == 1
    assert done.stderr == (
        "error: `convnet promote` needs the package of 'mlflow', which is not installed: "
        "pip install '.[pipeline]'\n"
    )


def test_a_foreign_package_of_our_name_is_refused(tmp_path: Path) -> None:
    """Another distribution's `pipeline` in front of ours ends in one line, not in its code."""
    foreign = tmp_path / "pipeline"
    foreign.mkdir()
    (foreign / "__init__.py").write_text("raise SystemExit('the foreign package ran')\n")
    done = convnet("promote", cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert done.returncode == 1
    assert "the package 'pipeline' comes from" in done.stderr
    assert "environment of its own" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_packages_of_this_checkout_are_its_own() -> None:
    """What these tests import is what lies beside them."""
    check_ownership(("contract", "convnet", "pipeline", "serving"), home=ROOT)
    with pytest.raises(ForeignPackageError, match="'json' comes from"):
        check_ownership(("json",), home=ROOT)


def test_every_package_is_typed_and_shipped() -> None:
    """A py.typed in each, and each among what setuptools packs."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    names = [pattern.rstrip("*") for pattern in tool["packages"]["find"]["include"]]
    for name in names:
        assert Path(str(importlib.import_module(name).__file__)).with_name("py.typed").exists()
        assert "py.typed" in tool["package-data"][name]
