"""What a stage was given is compared when it ends, with a line for whatever changed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import inputs

DVC_YAML = """stages:
  train:
    cmd: train
    deps: [code, data/images.npy]
    params: [model, train.epochs, {other.yaml: [depth]}, {whole.yaml: null}]
"""
PARAMS = "model: {name: lenet, filters: [6, 16]}\ntrain: {epochs: 3, seed: 1}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (
        ("dvc.yaml", DVC_YAML),
        ("params.yaml", PARAMS),
        ("other.yaml", "depth: 2\nwidth: 3\n"),
        ("whole.yaml", "a: 1\n"),
        (".dvcignore", "__pycache__\n"),
        ("code/net.py", "kernel = 5\n"),
        ("data/images.npy", "bytes"),
        ("beside.txt", "no input"),
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_STAGE", "train")
    return tmp_path


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return apply


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (edit("params.yaml", "epochs: 3", "epochs: 4"), "params.yaml train.epochs 3 → 4"),
        (edit("params.yaml", "[6, 16]", "[6]"), "params.yaml model.filters [6, 16] → [6]"),
        (edit("params.yaml", ", seed: 1", ", seed: 2"), ""),
        (edit("params.yaml", "name: lenet, ", ""), "params.yaml model.name lenet → absent"),
        (edit("other.yaml", "depth: 2", "depth: null"), "other.yaml depth 2 → null"),
        (edit("other.yaml", "width: 3", "width: 4"), ""),
        (edit("whole.yaml", "1", "2"), "whole.yaml a 1 → 2"),
        (edit("code/net.py", "5", "7"), "code/net.py was edited"),
        (edit("data/images.npy", "bytes", "setyb"), "data/images.npy was edited"),
        (edit("beside.txt", "no", "an"), ""),
        (lambda at: (at / "code/net.py").unlink(), "code/net.py was removed"),
        (lambda at: (at / "code/more.py").write_text(""), "code/more.py was added"),
        (lambda at: (at / "code/net.py").write_text("kernel = 5\n"), ""),
    ],
)
def test_change_is_named(folder: Path, change: Callable[[Path], None], line: str) -> None:
    """Parameters that the stage reads, code, data; nothing else, and no file written as it was."""
    given = inputs.taken()
    change(folder)
    assert given.changes() == ([line] if line else [])


def test_what_dvc_ignores_is_no_input(folder: Path) -> None:
    """Python writes its caches while a stage runs."""
    given = inputs.taken()
    (folder / "code/__pycache__").mkdir()
    (folder / "code/__pycache__/net.pyc").write_text("")
    assert given.changes() == []


def test_stage_fails_with_what_to_do(folder: Path) -> None:
    """One line that names three changes at most, and the way on, after a call to who must know."""
    given = inputs.taken()
    given.check()
    for number in range(5):
        (folder / f"code/new{number}.py").write_text("")
    noticed: list[str] = []
    with pytest.raises(inputs.InputsChangedError, match=r"added and 2 more .*: do this$"):
        given.check(noticed.append, way_on="do this")
    assert noticed == [
        "code/new0.py was added; code/new1.py was added; code/new2.py was added and 2 more"
    ]


@pytest.mark.parametrize("stage", ["", "other", "templated@1"])
def test_without_a_stage_of_dvc_nothing_is_compared(
    folder: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage's module run by hand records nothing that could be wrong."""
    monkeypatch.setenv("DVC_STAGE", stage)
    given = inputs.taken()
    (folder / "params.yaml").write_text("model: {name: vgg11}\n")
    given.check()


def test_a_file_in_the_middle_of_being_written_has_changed(folder: Path) -> None:
    """An editor that has truncated params.yaml at that moment has changed every parameter."""
    given = inputs.taken()
    (folder / "params.yaml").write_text("model: {name")
    assert "params.yaml train.epochs 3 → absent" in given.changes()


def test_stage_in_a_subfolder_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC names a stage with its file where `dvc repro` ran elsewhere."""
    monkeypatch.setenv("DVC_STAGE", f"{folder.name}/dvc.yaml:train")
    assert "params.yaml train.epochs" in inputs.taken().values
