"""Where a model's bytes come from, and how to see that they changed."""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from contract.files import sha256_of_bytes
from contract.sidecars import FP32, variant_path
from serving.errors import ModelRefused

_LISTED = 5  # names in an error's text


@dataclass(slots=True, frozen=True)
class FileSource:
    """An ONNX file that something else replaces now and then, or the folder of the only one."""

    path: Path
    variant: str = FP32  # which file answers: this one, or one of its variants

    def mark(self) -> str | None:
        """Return what differs when a file does; None while there is no model."""
        try:
            file = self._file()
        except ModelRefused:
            return None
        own = _mark(file)
        if own is None or self.variant == FP32:
            return own
        return f"{own} {_mark(variant_path(file, self.variant))}"

    def read(self) -> bytes:
        """Give the model's bytes; raises ModelRefused in one line."""
        try:
            return _content(self._file())
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
        path = variant_path(self._file(), self.variant)
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
            return _content(self._file().with_suffix(ending))
        except (OSError, ModelRefused):
            return None

    def _file(self) -> Path:
        """Raise ModelRefused for a folder with no model, or several."""
        return _only_model(self.path) if self.path.is_dir() else self.path


def _only_model(folder: Path) -> Path:
    """Find model.onnx; model.KIND.onnx beside it belongs to it and does not count."""
    files = sorted(folder.glob("*.onnx"))
    names = {file.name for file in files}
    models = [
        file for file in files if f"{file.name.partition('.')[0]}.onnx" not in names - {file.name}
    ]
    if len(models) != 1:
        listed = ", ".join(file.name for file in models[:_LISTED]) or "none"
        more = " and more" if len(models) > _LISTED else ""
        raise ModelRefused(
            f"is looked for in a folder that must hold exactly one .onnx file and holds {listed}"
            f"{more}: give the file's own path"
        )
    return models[0]


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
