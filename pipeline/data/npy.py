"""Files in NumPy's format, written in place: rows at known offsets, a header that comes last.

A memory map that is filled counts as resident memory; what is written with pwrite does not.
"""

import errno
import io
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Images
from pipeline.data.room import RoomError, amount

BLOCK_BYTES = 8 << 20  # read or written at once


def header(shape: tuple[int, ...]) -> bytes:
    """Of a uint8 array in C order, as np.save writes it; as long for any number of rows."""
    file = io.BytesIO()
    what = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, what)
    return file.getvalue()


class RowFile:
    """A uint8 array (N, C, H, W) whose rows are written in any order; sizes in bytes."""

    def __init__(self, path: Path, image_shape: tuple[int, int, int]) -> None:
        self.path, self.image_shape = path, image_shape
        self.row = int(np.prod(image_shape))
        self.start = len(header((0, *image_shape)))

    def size(self, rows: int) -> int:
        return self.start + rows * self.row

    def make(self, rows: int) -> None:
        """So large, whatever it held; the disk's room is taken now, where the system can.

        Raises RoomError.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            os.ftruncate(handle, self.size(rows))
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(handle, 0, self.size(rows))
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # not known to the file system
                raise RoomError(
                    f"{self.path} cannot be made {amount(self.size(rows))} large "
                    f"({error.strerror}): make room on the disk, or set data.limit"
                ) from error
        finally:
            os.close(handle)

    def write(self, handle: int, at: int, images: Images) -> None:
        """Put rows, or one (C, H, W), at row `at`."""
        view, place = np.ascontiguousarray(images).reshape(-1).data, self.size(at)
        while view:
            done = os.pwrite(handle, view, place)
            view, place = view[done:], place + done

    def read(self, handle: int, at: int, rows: int) -> Images:
        """Fewer rows than asked for where the file ends."""
        content = bytearray()
        while len(content) < rows * self.row:
            more = os.pread(handle, rows * self.row - len(content), self.size(at) + len(content))
            if not more:
                break
            content += more
        whole = len(content) // self.row
        found = np.frombuffer(content, np.uint8, count=whole * self.row)
        return found.reshape(whole, *self.image_shape)

    def append(self, rows: int, more: Iterable[Images]) -> int:
        """Put images (C, H, W) behind so many rows; returns how many there are then."""
        handle = os.open(self.path, os.O_RDWR)
        try:
            for image in more:
                self.write(handle, rows, image)
                rows += 1
        finally:
            os.close(handle)
        return rows

    def keep_only(self, keep: NDArray[np.bool_]) -> None:
        """Close the gaps that rows leave, in their order; then the header says how many stay."""
        handle = os.open(self.path, os.O_RDWR)
        try:
            kept = self._close_gaps(handle, keep)
            os.ftruncate(handle, self.size(kept))
            os.pwrite(handle, header((kept, *self.image_shape)), 0)
        finally:
            os.close(handle)

    def _close_gaps(self, handle: int, keep: NDArray[np.bool_]) -> int:
        if keep.all():
            return len(keep)
        to = int(np.argmin(keep))  # all before it stay where they are
        step = max(BLOCK_BYTES // self.row, 1)
        for at in range(to, len(keep), step):
            some = self.read(handle, at, min(step, len(keep) - at))[keep[at : at + step]]
            self.write(handle, to, some)
            to += len(some)
        return to
