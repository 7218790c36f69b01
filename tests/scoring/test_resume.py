"""A job that was stopped goes on: finished parts stay, and only what changed is scored again."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.processes import is_alive
from tests.scoring.jobs import pictures, score, scored, start
from tests.serving.onnx_files import version

pytestmark = pytest.mark.soak

PICTURES = 1200
OPTIONS = ("--slice", "64", "--workers", "2")
PATIENCE_S = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return pictures(tmp_path / "pictures", PICTURES)


@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak_all)],
)
def test_a_stopped_job_goes_on(number: signal.Signals, folder: Path, model: Path) -> None:
    """No part is torn or written twice, no worker outlives it, and the counts are of all."""
    output = folder.parent / "out"
    options = ("--model", str(model), *OPTIONS)
    process = start(folder, output, *options)
    workers = first_parts(process.pid, output)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    assert number == signal.SIGKILL or "the same command goes on" in err
    deadline = time.monotonic() + PATIENCE_S
    while any(map(is_alive, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    before = {path.name: path.stat().st_mtime_ns for path in output.glob("*.parquet")}
    (output / ".part-000001-torn.parquet.x.tmp").write_bytes(b"PAR1")  # of a worker killed earlier
    done = scored(folder, output, *options)
    kept = {name: written for name, written in done.parts.items() if before.get(name) == written}
    assert kept == before
    assert 0 < len(before) < len(done.parts)
    assert "are scored already: going on" in done.err
    assert done.table.num_rows == done.summary["pictures"] == PICTURES
    assert 0 < done.summary["scored_now"] < PICTURES
    assert sum(done.summary["answers"].values()) == PICTURES
    assert not list(output.glob(".part*"))


def first_parts(pid: int, output: Path) -> list[psutil.Process]:
    """Wait for two parts; give the workers."""
    deadline = time.monotonic() + PATIENCE_S
    while len(list(output.glob("*.parquet"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    workers = psutil.Process(pid).children(recursive=True)
    assert len(workers) >= 2
    return workers


def test_only_what_changed_is_scored_again(tmp_path: Path, model: Path, other_model: Path) -> None:
    """Nothing without a change; a slice for a file more, another, or gone; all for a new model."""
    folder, output = pictures(tmp_path / "pictures", 300), tmp_path / "out"
    first = scored(folder, output, "--model", str(model), *OPTIONS)
    again = scored(folder, output, "--model", str(model), *OPTIONS)
    assert again.parts == first.parts
    assert (again.summary["scored_now"], again.summary["pictures"]) == (0, 300)
    (folder / "0" / "00000a.png").write_bytes((folder / "1" / "00001.png").read_bytes())
    more = scored(folder, output, "--model", str(model), *OPTIONS)
    assert more.table.num_rows == more.summary["pictures"] == 301
    assert 0 < more.summary["scored_now"] <= 128
    (folder / "1" / "00299.png").unlink()
    fewer = scored(folder, output, "--model", str(model), *OPTIONS)
    assert fewer.table.num_rows == 300
    assert fewer.summary["scored_now"] <= 64
    other = scored(folder, output, "--model", str(other_model), *OPTIONS)
    assert "parts of another model or of changed pictures are removed" in other.err
    assert other.summary["scored_now"] == 300
    versions = set(other.table.column("model_version").to_pylist())
    assert versions == {version(other_model.read_bytes())}


def test_a_list_may_name_a_picture_often(tmp_path: Path, model: Path) -> None:
    """Each line has its row, in slices that are all equal, too."""
    folder = pictures(tmp_path / "pictures", 8)
    names = sorted(str(path) for path in folder.rglob("*.png"))
    (tmp_path / "list.txt").write_text("\n".join(names * 40) + "\n")
    done = scored(tmp_path / "list.txt", tmp_path / "out", "--model", str(model), "--slice", "8")
    assert done.table.num_rows == 320
    assert len(done.parts) >= 40


def test_two_jobs_do_not_write_to_one_folder(folder: Path, model: Path) -> None:
    """The second is refused in a line while the first runs."""
    output = folder.parent / "out"
    process = start(folder, output, "--model", str(model), *OPTIONS)
    first_parts(process.pid, output)
    second = score(folder, output, "--model", str(model), *OPTIONS)
    process.communicate(timeout=PATIENCE_S)
    assert second.status == 1
    assert second.err.startswith("error: another scoring writes to ")
    assert process.returncode == 0
