"""Files that are whole or absent: written beside their place and to the disk, then renamed."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

CHUNK_BYTES = 1 << 20


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Yield a binary file that becomes `path` when the block ends well, and vanishes when not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        # unlike tempfile's, it has the rights of any new file: the kernel knows the umask
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # what has a name on the disk is there, also after a power cut
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(temporary)):
            error.filename = str(path)  # a write does not say whose it was, an open a passing name
        raise


def write_bytes(path: Path, content: bytes) -> None:
    with atomic_write(path) as file:
        file.write(content)


def write_json(path: Path, content: object) -> None:
    """Write UTF-8 JSON with sorted keys and a final newline: equal content, equal bytes.

    Raises ValueError for NaN and infinities, which JSON has no words for.
    """
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(path, text.encode() + b"\n")


def sha256_of_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def canonical_json(content: object) -> str:
    """Sorted keys, no spaces: equal content, equal text. Raises ValueError as `write_json` does."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256_of_json(content: object) -> str:
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()
