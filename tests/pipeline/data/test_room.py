"""What does not fit is refused before the work, in a sentence with a way out."""

import shutil
from pathlib import Path

import pytest

from contract.granted import free_memory
from pipeline.data import room
from pipeline.data.room import Need, RoomError


def test_what_fits_is_let_through(tmp_path: Path) -> None:
    """The sentence that is printed before the work."""
    need = Need(60_000, (3, 128, 128), 2)
    assert need.sentence() == (
        "60,000 pictures to 3x128x128: 2.9 GB on the disk, about 0.2 GB of memory, 2 process(es)"
    )
    room.check(Need(10, (3, 8, 8), 1), tmp_path, already=0)


def test_a_disk_that_is_too_small_is_refused(tmp_path: Path) -> None:
    """Needed, free, and the side that would fit."""
    count = 4 * shutil.disk_usage(tmp_path).total // (3 * 64 * 64)
    with pytest.raises(RoomError, match=r"GB on the disk.* are free at .*\(up to \d+ px fit\)"):
        room.check(Need(count, (3, 64, 64), 1), tmp_path, already=0)


def test_a_memory_that_is_too_small_is_refused(tmp_path: Path) -> None:
    """Of so many pictures that their names alone fill it."""
    count = free_memory()
    with pytest.raises(RoomError, match="of memory are free"):
        room.check(Need(count, (0, 8, 8), 1), tmp_path, already=0)


def test_few_pictures_need_no_processes() -> None:
    """Starting one takes as long as some hundred pictures."""
    assert room.processes_for(200, 256) == 0
    assert room.processes_for(10_000, 256) >= 1
