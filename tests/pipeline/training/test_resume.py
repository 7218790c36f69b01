"""Resuming: whole checkpoints only, one training at a time, old ones swept."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipeline.training.resume import KEPT_FOLDERS, ResumePoint, resume_point

ROOT = Path(__file__).parents[3]


def keep(way: ResumePoint, epoch: int) -> Path:
    path = way.checkpoints / f"epoch={epoch}.ckpt"
    torch.save({"epoch": epoch, "state_dict": {"w": torch.zeros(1000)}}, path)
    return path


def test_newest_whole_checkpoint_is_taken(tmp_path: Path) -> None:
    """Epoch 10 is newer than epoch 9; a torn file is removed and the one before it is taken."""
    with resume_point(tmp_path, "k" * 64, resume=True) as way:
        assert way.last_checkpoint() is None
        ninth, tenth = keep(way, 9), keep(way, 10)
        assert way.last_checkpoint() == tenth
        tenth.write_bytes(tenth.read_bytes()[:500])
        assert way.last_checkpoint() == ninth
        assert not tenth.exists()


def test_starting_over_forgets(tmp_path: Path) -> None:
    """`resume=False` leaves neither checkpoint nor run id."""
    with resume_point(tmp_path, "k" * 64, resume=True) as way:
        keep(way, 1)
        way.remember("abc")
    with resume_point(tmp_path, "k" * 64, resume=True) as way:
        assert (way.training, way.last_checkpoint() is not None) == ("abc", True)
    with resume_point(tmp_path, "k" * 64, resume=False) as way:
        assert (way.training, way.last_checkpoint()) == (None, None)


def test_twin_at_the_same_moment_has_its_own_folder(tmp_path: Path) -> None:
    """Two equal experiments of a queue do not write into each other's checkpoints."""
    with (
        resume_point(tmp_path, "k" * 64, resume=True) as first,
        resume_point(tmp_path, "k" * 64, resume=True) as second,
    ):
        assert first.folder != second.folder
    assert first.folder.exists()
    assert not second.folder.exists()


def test_old_trainings_are_swept(tmp_path: Path) -> None:
    """Only the newest interrupted trainings are kept."""
    for number in range(KEPT_FOLDERS + 3):
        with resume_point(tmp_path, f"{number:016d}", resume=True) as way:
            keep(way, 1)
    assert sum(path.is_dir() for path in (tmp_path / ".train").iterdir()) <= KEPT_FOLDERS + 1


def test_error_keeps_the_way_back(tmp_path: Path) -> None:
    """What is kept is kept for the case that the block fails."""
    with pytest.raises(ZeroDivisionError), resume_point(tmp_path, "k" * 64, resume=True) as way:
        remembered = keep(way, 1 // 0)
    with resume_point(tmp_path, "k" * 64, resume=True) as way:
        remembered = keep(way, 1)
    with resume_point(tmp_path, "k" * 64, resume=True) as way:
        assert way.last_checkpoint() == remembered


FULL = """
import resource, sys
from pathlib import Path
import torch
from pipeline.training.whole_files import WholeFiles
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
WholeFiles().save_checkpoint({"w": torch.zeros(5000)}, sys.argv[1])
"""


def test_a_full_disk_leaves_no_half_checkpoint(tmp_path: Path) -> None:
    """The one before is whole, and nothing lies beside it."""
    with resume_point(tmp_path, "k" * 64, resume=True) as way:
        before = keep(way, 1)
        done = subprocess.run(
            [sys.executable, "-c", FULL, before], cwd=ROOT, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert "OSError: [Errno 27]" in done.stderr
        assert list(way.checkpoints.iterdir()) == [before]
        assert way.last_checkpoint() == before
