"""Where a model's bytes come from, and how to see that they changed."""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from serving.errors import ModelRefused


@dataclass(slots=True, frozen=True)
class FileSource:
    """An ONNX file that something else replaces now and then."""

    path: Path

    def mark(self) -> str | None:
        """Return what differs when the file does; None while there is none."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"

    def read(self) -> bytes:
        """Raise ModelRefused in one line."""
        try:
            return _content(self.path)
        except OSError as error:
            raise ModelRefused(
                f"cannot be read ({error.strerror}): give the path of an ONNX file, "
                "or make one with `make repro`"
            ) from None

    def sidecar(self, ending: str) -> bytes | None:
        """Read model.card.json or model.activations.onnx from beside model.onnx, if it is there."""
        try:
            return _content(self.path.with_suffix(ending))
        except OSError:
            return None


def _content(path: Path) -> bytes:
    """Read a file, but not what could keep the reader waiting for ever: a pipe, a device."""
    with open(path, "rb", opener=_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return file.read()


def _at_once(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK)


def source_of(address: str) -> FileSource:
    return FileSource(Path(address))
