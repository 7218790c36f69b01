"""Files by their address: paths of this machine, s3:// and gs://, and http(s):// to read.

Credentials, region and endpoint come from the environment, as the vendors' own tools take them.
"""

import errno
import json
import os
import re
import shutil
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path

from pyarrow import fs

from contract.files import atomic_write, write_bytes
from scoring.errors import ScoringRefused

MOST_BYTES = 32 << 20  # of one picture's file: the server's limit on a body
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_BUCKETS = ("s3", "gs")
_URLS = ("http", "https")
_PATIENCE_S = 30.0  # for one answer of an http server
_TRIES = 3
_LONGEST = 200  # characters of another's error


class FileTooLarge(OSError):  # noqa: N818 -- as the server calls it
    """More bytes than a picture may have."""


@dataclass(frozen=True)
class Entry:
    """One file of a listing; `stamp` differs when the file does."""

    path: str
    stamp: str


def scheme_of(address: str) -> str:
    """Of the lower-case schemes s3, gs, http, https; empty for a path. Raises ScoringRefused."""
    found = _SCHEME.match(address)
    scheme = found[1].lower() if found else ""
    if scheme and scheme not in {*_BUCKETS, *_URLS, "file"}:
        raise ScoringRefused(
            f"{address!r}: {scheme}:// is not read here; give a path, s3://, gs:// or http(s)://"
        )
    return "" if scheme == "file" else scheme


def is_remote(address: str) -> bool:
    return bool(scheme_of(address))


def local(address: str) -> Path:
    """The path of this machine that an address without a bucket or a server means."""
    return Path(address.removeprefix("file://"))


def place(address: str) -> tuple[fs.FileSystem, str]:
    """A file system, and the path in it; raises ScoringRefused."""
    scheme = scheme_of(address)
    if not scheme:
        return fs.LocalFileSystem(), str(local(address))
    if scheme in _URLS:
        raise ScoringRefused(f"{address!r}: a web server's files are read one by one, not listed")
    path = address.partition("://")[2]
    bucket = path.partition("/")[0]
    if not bucket:
        raise ScoringRefused(f"{address!r} names no bucket: give {scheme}://BUCKET/…")
    try:
        return _bucket(scheme, bucket), path.rstrip("/")
    except OSError as error:
        raise ScoringRefused(f"{address!r} cannot be reached: {reason(error)}") from None


@cache
def _bucket(scheme: str, bucket: str) -> fs.FileSystem:
    """By the bucket alone: a key may hold what a URI may not."""
    return fs.FileSystem.from_uri(f"{scheme}://{bucket}")[0]


def read(address: str, *, most: int = MOST_BYTES) -> bytes:
    """All bytes; raises OSError, FileTooLarge above `most` bytes."""
    scheme = scheme_of(address)
    if not scheme:
        content = _read_local(local(address), most)
    elif scheme in _URLS:
        content = _read_url(address, most)
    else:
        system, path = place(address)
        with system.open_input_stream(path) as file:
            content = file.read(most + 1)
    if len(content) > most:
        raise FileTooLarge(errno.EFBIG, f"the file has more than {most:,} bytes: make it smaller")
    return content


def _read_local(path: Path, most: int) -> bytes:
    """A pipe or a device is refused instead of waited for."""
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(number, "rb", buffering=0) as file:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        if status.st_size > most:
            return bytes(most + 1)
        return file.readall()


def _read_url(address: str, most: int) -> bytes:
    for attempt in range(1, _TRIES + 1):
        try:
            with urllib.request.urlopen(address, timeout=_PATIENCE_S) as reply:  # noqa: S310 -- http(s)
                content: bytes = reply.read(most + 1)
                return content
        except urllib.error.HTTPError as error:
            if error.code < HTTPStatus.INTERNAL_SERVER_ERROR or attempt == _TRIES:
                raise OSError(errno.EIO, f"the web server answers {error.code}") from None
        except (OSError, ValueError) as error:
            if isinstance(error, ValueError) or attempt == _TRIES:
                raise OSError(errno.EIO, reason(error)) from None
        time.sleep(0.2 * attempt)
    raise AssertionError


def write(address: str, content: bytes) -> None:
    """Whole or not at all: renamed into place, or put as one object."""
    if not is_remote(address):
        return write_bytes(local(address), content)
    system, path = place(address)
    with system.open_output_stream(path) as file:
        file.write(content)
    return None


def write_json(address: str, content: object) -> None:
    """As contract.files writes it."""
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write(address, text.encode() + b"\n")


def copy(source: Path, address: str) -> None:
    """A file of this machine to wherever; never half there."""
    if not is_remote(address):
        with source.open("rb") as file, atomic_write(local(address)) as target:
            shutil.copyfileobj(file, target)
        return
    system, path = place(address)
    with source.open("rb") as file, system.open_output_stream(path) as target:
        shutil.copyfileobj(file, target, 1 << 20)


def listed(folder: str) -> list[Entry]:
    """What lies directly in a folder, sorted by name, folders with a final slash; [] without it."""
    system, path = place(folder)
    try:
        found = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
    except OSError as error:
        raise ScoringRefused(f"{folder!r} cannot be listed: {reason(error)}") from None
    rows = [(f"{one.base_name}/" if one.type == fs.FileType.Directory else one.base_name, one)
            for one in found]  # fmt: skip
    return [Entry(name, f"{one.size} {one.mtime_ns}") for name, one in sorted(rows, key=_name)]


def _name(row: tuple[str, object]) -> str:
    return row[0]


def remove(address: str) -> None:
    system, path = place(address)
    system.delete_file(path)


def under(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def walked(folder: str) -> Iterator[Entry]:
    """All files below, in a fixed order; names that begin with a dot are left out.

    Holds the names of one folder at a time. Links to files are followed, those to folders are not.
    """
    if is_remote(folder):
        yield from _walked_bucket(folder)
    else:
        yield from _walked_local(str(local(folder)))


def _walked_bucket(folder: str) -> Iterator[Entry]:
    for entry in listed(folder):
        if entry.path.startswith("."):
            continue
        below = under(folder, entry.path)
        if entry.path.endswith("/"):
            yield from _walked_bucket(below)
        else:
            yield Entry(below, entry.stamp)


def _walked_local(folder: str) -> Iterator[Entry]:
    with os.scandir(folder) as found:
        rows = sorted((one.name, one.path, _is_folder(one)) for one in found)
    for name, path, is_folder in rows:
        if name.startswith("."):
            continue
        if is_folder:
            yield from _walked_local(path)
        else:
            yield Entry(path, stamp_of(path))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def stamp_of(address: str) -> str:
    """Size and time of change of a local file; "absent" without it; nothing is asked elsewhere."""
    if not address.startswith("file://") and _SCHEME.match(address):
        return ""
    try:
        status = os.stat(local(address))  # noqa: PTH116 -- a million times
    except (OSError, ValueError):
        return "absent"
    return f"{status.st_size} {status.st_mtime_ns}"


def reason(error: Exception) -> str:
    """An error's own words, in a line."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:_LONGEST]
