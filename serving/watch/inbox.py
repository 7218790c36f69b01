"""A folder that takes files up to a bound, whole or not at all, from several workers at once."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contract.files import write_bytes
from serving.counts.sheet import Recorder
from serving.errors import SettingsRefused, Unavailable
from serving.settings import Settings

LEAST_FREE_BYTES = 64 << 20  # of the disk are left to others
KEPT_FREE = 0.2  # of the room: for images that the model does not know, which teach it most


def inbox_of(settings: Settings, recorder: Recorder) -> "Inbox | None":
    """None: feedback is off."""
    if not settings.feedback:
        return None
    return Inbox(
        Path(settings.feedback),
        recorder,
        most_images=settings.feedback_images,
        most_bytes=settings.feedback_bytes,
    )


@dataclass
class Inbox:
    """Files lie two folders deep. Workers count in the shared sheet, under one file lock."""

    folder: Path
    recorder: Recorder
    most_images: int
    most_bytes: int

    def open(self) -> None:
        """Make the folder and count what lies there; raises SettingsRefused."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._locked():
                self._recount()
        except OSError as error:
            raise SettingsRefused(
                f"--feedback is {str(self.folder)!r}, and cannot be written to ({error.strerror}): "
                "give a folder that can"
            ) from None

    def put(self, path: Path, content: bytes, *, is_known: bool = False) -> bool:
        """Store it whole or not at all; False: it is there. Raises Unavailable when full.

        What the model knows (`is_known`) may not take the room that is kept for the rest.
        """
        target = self.folder / path
        try:
            with self._locked():
                if target.exists():
                    return False
                self._check_room(len(content), 1 - KEPT_FREE if is_known else 1.0)
                write_bytes(target, content)
                self._add(1, len(content))
        except OSError as error:
            raise Unavailable(
                f"feedback cannot be stored now ({error.strerror}): try again later"
            ) from None
        return True

    def _check_room(self, size: int, part: float) -> None:
        if not self._has_room(size, part):
            self._recount()  # a review may have emptied it
            if not self._has_room(size, part):
                kept = (
                    "" if part == 1 else ", a fifth of it kept for images the model does not know"
                )
                raise Unavailable(
                    f"the feedback inbox is full ({self.most_images} images or {self.most_bytes} "
                    f"bytes{kept}): it takes more when it has been reviewed"
                )
        if shutil.disk_usage(self.folder).free < LEAST_FREE_BYTES + size:
            raise Unavailable("the feedback inbox's disk is full: try again later")

    def _has_room(self, size: int, part: float) -> bool:
        images, taken = self._totals()
        return images < part * self.most_images and taken + size <= part * self.most_bytes

    def _totals(self) -> tuple[float, float]:
        sheet = self.recorder.sheet
        return sheet.total("feedback_images"), sheet.total("feedback_bytes")

    def _recount(self) -> None:
        sizes = [path.stat().st_size for path in self.folder.glob("*/*/*")]
        images, taken = self._totals()
        self._add(len(sizes) - images, sum(sizes) - taken)

    def _add(self, images: float, taken: float) -> None:
        self.recorder.counter("feedback_images").add(images)
        self.recorder.counter("feedback_bytes").add(taken)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)  # unlocks
