"""Where a model's bytes come from, and how to see that they changed."""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from contract.files import sha256_of_bytes
from contract.sidecars import FP32, variant_path
from serving.errors import ModelRefused


@dataclass(slots=True, frozen=True)
class FileSource:
    """An ONNX file that something else replaces now and then."""

    path: Path
    variant: str = FP32  # which file answers: this one, or one of its variants

    def mark(self) -> str | None:
        """Return what differs when a file does; None while there is no model."""
        own = _mark(self.path)
        if own is None or self.variant == FP32:
            return own
        return f"{own} {_mark(variant_path(self.path, self.variant))}"

    def read(self) -> bytes:
        """Give the model's bytes; raises ModelRefused in one line."""
        try:
            return _content(self.path)
        except OSError as error:
            raise ModelRefused(
                f"cannot be read ({error.strerror}): give the path of an ONNX file, "
                "or make one with `make repro`"
            ) from None

    def served(self) -> tuple[bytes, str]:
        """Give the bytes of the file that answers, and the sha256 of the model it must be of.

        The latter is empty for the model itself. Raises ModelRefused.
        """
        model = self.read()
        if self.variant == FP32:
            return model, ""
        path = variant_path(self.path, self.variant)
        try:
            return _content(path), sha256_of_bytes(model)
        except OSError as error:
            raise ModelRefused(
                f"has no variant {self.variant}: {path} cannot be read ({error.strerror}). "
                "export.variants asks for one; the report says why one is not served"
            ) from None

    def sidecar(self, ending: str) -> bytes | None:
        """Read model.card.json or model.activations.onnx from beside model.onnx, if it is there."""
        try:
            return _content(self.path.with_suffix(ending))
        except OSError:
            return None


def _mark(path: Path) -> str | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"


def _content(path: Path) -> bytes:
    """Read a file, but not what could keep the reader waiting for ever: a pipe, a device."""
    with open(path, "rb", opener=_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return file.read()


def _at_once(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK)


def source_of(address: str, variant: str = FP32) -> FileSource:
    return FileSource(Path(address), variant)
