"""Which training of this checkout made a file: its `pipeline.run`, by the file's sha256.

Equal trainings make equal bytes, in a colleague's checkout too: the bytes alone cannot say whose
they are. A file that is not known here came from elsewhere, and its run is looked up by its hash.
"""

from pathlib import Path

from contract import files


def remember(root: Path, sha256: str, training: str) -> None:
    files.write_bytes(_place(root, sha256), training.encode())


def of(root: Path, sha256: str) -> str | None:
    path = _place(root, sha256)
    return path.read_text() if path.is_file() else None


def _place(root: Path, sha256: str) -> Path:
    return root / ".train" / f"{sha256[:32]}.run"
