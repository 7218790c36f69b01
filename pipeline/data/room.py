"""What preparing takes of memory and disk: said before the work, refused where it cannot fit."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from contract import granted
from pipeline.data.looking import Shape
from pipeline.errors import PipelineError

PROCESS_BYTES = 60_000_000  # Python, NumPy, Pillow
LARGEST_PICTURE_BYTES = 640_000_000  # ten for each of 64 million pixels: few sets hold one
PICTURE_BYTES = 700  # its place, its class, what the audit knows of it
SPARED = 0.02  # of a disk, for others


class RoomError(PipelineError):
    """The prepared arrays do not fit here."""


@dataclass(frozen=True)
class Need:
    pictures: int
    shape: Shape
    processes: int

    @property
    def disk(self) -> int:
        channels, height, width = self.shape
        return self.pictures * channels * height * width

    @property
    def memory(self) -> int:
        return (1 + self.processes) * PROCESS_BYTES + self.pictures * PICTURE_BYTES

    def sentence(self) -> str:
        shape = "x".join(map(str, self.shape))
        return (
            f"{self.pictures:,} pictures to {shape}: {amount(self.disk)} on the disk, about "
            f"{amount(self.memory)} of memory, {max(self.processes, 1)} process(es)"
        )


def processes_for(pictures: int, each: int) -> int:
    """As many as there are cores and memory for; 0 where starting one would take longer."""
    if pictures <= each:
        return 0
    by_memory = granted.free_memory() // LARGEST_PICTURE_BYTES
    return max(min(granted.cores(), by_memory, -(-pictures // each)), 1)


def check(need: Need, folder: Path, *, already: int) -> None:
    """Raise RoomError where disk or memory is too small; `already` bytes lie there."""
    usage = shutil.disk_usage(folder)
    free = usage.free + already - int(SPARED * usage.total)
    if need.disk > free:
        raise RoomError(
            f"{need.sentence()}, and {amount(max(free, 0))} are free at {folder}: "
            f"make room, or set data.limit or a smaller data.folder_size ({_fitting(need, free)})"
        )
    if need.memory > granted.free_memory():
        raise RoomError(
            f"{need.sentence()}, and {amount(granted.free_memory())} of memory are free: end other "
            "programs, or set data.limit"
        )


def amount(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 100_000_000 else f"{count / 1e6:.1f} MB"  # noqa: PLR2004 - below it, GB would read 0.0


def _fitting(need: Need, free: int) -> str:
    """Say how large a square would fit."""
    side = int((max(free, 0) / (need.pictures * need.shape[0])) ** 0.5)
    return f"up to {side} px fit" if side >= 4 else "none fits"  # noqa: PLR2004 - the least folder_size
