"""`convnet predict`: a line for each picture, errors beside the answers, no server."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.convnet.run import ROOT, convnet
from tests.serving.onnx_files import build_model

SEVEN = ROOT / "docs/seven.png"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures, two files that are none, and the model where it is looked for."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/model.onnx").write_bytes(build_model())
    shutil.copy(SEVEN, tmp_path / "seven.png")
    shutil.copy(SEVEN, tmp_path / "a seven of mine.png")
    Image.new("RGB", (300, 200), "white").save(tmp_path / "sheet.jpg")
    (tmp_path / "notes.png").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    return tmp_path


def test_a_line_is_path_label_probability(folder: Path) -> None:
    """No header; in the order of the arguments; blanks in a path stay as they are."""
    paths = ["sheet.jpg", "a seven of mine.png", "seven.png"]
    done = convnet("predict", *paths, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.rsplit(" ", 2) for line in done.stdout.splitlines()]
    assert [path for path, _, _ in lines] == paths
    assert lines[1][1:] == lines[2][1:]
    assert all(label in "0123456789" and 0.1 <= float(p) <= 1 for _, label, p in lines)


def test_onnxruntime_keeps_and_sends_no_reports(folder: Path) -> None:
    """Its telemetry would leave a queue of events in the home folder, which is this one."""
    assert convnet("predict", "seven.png", cwd=folder).returncode == 0
    assert not (folder / ".cache").exists()


def test_bad_files_do_not_stop_the_others(folder: Path) -> None:
    """Each is named on standard error with what is wrong; the exit status is 1."""
    done = convnet("predict", "notes.png", "seven.png", "empty.png", "gone.png", ".", cwd=folder)
    assert done.returncode == 1
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["seven.png"]
    errors = done.stderr.splitlines()
    assert [line.split(": ")[:2] for line in errors] == [
        ["error", name] for name in ("notes.png", "empty.png", "gone.png", ".")
    ]
    assert errors[2].endswith("No such file or directory")


def test_json_is_an_object_a_line_with_every_class(folder: Path) -> None:
    """Errors stand among the answers, so that line n belongs to file n."""
    done = convnet("predict", "--json", "seven.png", "notes.png", cwd=folder)
    assert done.returncode == 1
    good, bad = map(json.loads, done.stdout.splitlines())
    assert list(good) == ["path", "label", "index", "probability", "probabilities"]
    assert good["probability"] == max(good["probabilities"].values())
    assert list(good["probabilities"]) == [str(digit) for digit in range(10)]
    assert sum(good["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert list(bad) == ["path", "error"]


def test_a_name_that_is_not_utf_8_is_printed_as_it_is(folder: Path) -> None:
    """Linux names are bytes."""
    odd = b"\xff\xfe.png".decode(errors="surrogateescape")
    shutil.copy(SEVEN, folder / odd)
    done = convnet("predict", odd, "gone\udcff.png", cwd=folder)
    assert done.stdout.startswith(f"{odd} ")
    assert done.stderr == "error: gone\udcff.png: No such file or directory\n"


def test_more_files_than_one_run_takes(folder: Path) -> None:
    """65 pictures are two runs of the model, and one answer each."""
    done = convnet("predict", *["seven.png"] * 65, cwd=folder)
    assert len(set(done.stdout.splitlines())) == 1
    assert done.stdout.count("\n") == 65


def test_a_model_that_cannot_be_loaded_is_named(folder: Path) -> None:
    """One line, exit status 2, and nothing on standard output."""
    for name in ("gone.onnx", "seven.png"):
        done = convnet("predict", "seven.png", "--model", name, cwd=folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"error: the model '{name}' is refused: ")
        assert done.stderr.count("\n") == 1
