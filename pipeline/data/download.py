"""One file from the first address that has it: resumed, checksum-verified, whole or absent."""

import hashlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request

from contract.files import CHUNK_BYTES
from pipeline.data.connect import open_url
from pipeline.data.progress import Progress, megabytes
from pipeline.data.sources import Address, RemoteFile
from pipeline.errors import PipelineError

SILENCE_S = 10.0  # an address that says nothing for so long does not answer
TRIES = 3  # of one address, each going on where the last one broke off
READ_BYTES = 1 << 16
MAX_BYTES = 1 << 31  # the largest published file has 0.6 GB
NOT_SATISFIABLE = 416
PARTIAL_CONTENT = 206


@dataclass(frozen=True)
class Failure:
    address: Address
    answered: bool  # it sent something, and that was wrong
    reason: str


class AddressError(Exception):
    """One address failed; the next one is asked."""

    def __init__(self, reason: str, *, answered: bool) -> None:
        super().__init__(reason)
        self.answered = answered


class BrokenOffError(AddressError):
    """The connection ended early: what came is kept, and asking again goes on from there."""


class DownloadError(PipelineError):
    """No address gave the file."""

    def __init__(self, name: str, failures: list[Failure]) -> None:
        reasons = "; ".join(f"{failure.address}: {failure.reason}" for failure in failures)
        super().__init__(f"{name} could not be fetched: {reasons}")
        self.name, self.failures = name, failures
        self.answered = any(failure.answered for failure in failures)


class DiskError(PipelineError):
    """The file's place cannot be written."""


def fetch(file: RemoteFile, folder: Path, *, silence_s: float = SILENCE_S) -> bool:
    """Put `file` into `folder`; False where it lay there already, with the right checksum.

    Raises DownloadError that names every address and what it did, or DiskError.
    """
    target = folder / file.name
    if target.is_file() and _md5(target) == file.md5:
        return False
    failures = []
    for address in file.addresses:
        try:
            part = _obtain(file, address, folder, silence_s)
        except AddressError as error:
            failures.append(Failure(address, error.answered, str(error)))
        else:
            part.replace(target)
            return True
    raise DownloadError(file.name, failures)


def _obtain(file: RemoteFile, address: Address, folder: Path, silence_s: float) -> Path:
    """Fill the `.part` file with what the checksum says; raises AddressError."""
    part = folder / f"{file.name}.part"
    if isinstance(address, Path):
        done = _write(part, "wb", _read_file(address))
        _verify(part, file)
        Progress(file.name, str(address.parent), done, sys.stderr).end(done)
        return part
    for left in reversed(range(TRIES)):
        if _try(file, address, part, silence_s, last=not left):
            break
    return part


def _try(file: RemoteFile, url: str, part: Path, silence_s: float, *, last: bool) -> bool:
    """False where another try of this address may do better."""
    try:
        resumed = _download(url, part, silence_s)
    except BrokenOffError:
        if last:
            raise
        return False
    try:
        _verify(part, file)
    except AddressError:
        if last or not resumed:  # else the kept bytes were wrong: once more, from the start
            raise
        return False
    return True


def _read_file(source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except FileNotFoundError as error:
        raise AddressError("no such file", answered=False) from error
    except OSError as error:
        raise AddressError(f"{error.strerror}", answered=True) from error


def _download(url: str, part: Path, silence_s: float) -> bool:
    """Append to `part`, or start over where the server cannot; True when bytes were kept."""
    start = part.stat().st_size if part.is_file() else 0
    with _open(url, start, silence_s) as response:
        resumed = start > 0 and response.status == PARTIAL_CONTENT
        start = start if resumed else 0
        total = None if response.length is None else start + response.length
        if total is not None and total > MAX_BYTES:
            raise AddressError(f"it announces {megabytes(total)}", answered=True)
        progress = Progress(part.stem, url, total, sys.stderr)
        try:
            done = start + _write(part, "ab" if resumed else "wb", _read(response, progress, start))
        finally:
            progress.leave()
        if total is not None and done < total:
            raise _broken_off(done, total, "the connection was closed")
        progress.end(done)
    return resumed


def _open(url: str, start: int, silence_s: float) -> HTTPResponse:
    headers = {"User-Agent": "convnet-pipeline", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = Request(url, headers=headers)  # noqa: S310 - http(s) only: sources.mirror_from sees to it
    try:
        return open_url(request, silence_s=silence_s)
    except HTTPError as error:
        if error.code == NOT_SATISFIABLE and start:  # the part is longer than the file
            return _open(url, 0, silence_s)
        raise AddressError(f"HTTP {error.code} {error.reason}", answered=False) from error
    except URLError as error:
        raise AddressError(f"no answer ({error.reason})", answered=False) from error
    except (OSError, HTTPException) as error:
        raise AddressError(
            f"no answer ({error or type(error).__name__})", answered=False
        ) from error


def _read(response: HTTPResponse, progress: Progress, done: int) -> Iterator[bytes]:
    try:
        while chunk := response.read1(READ_BYTES):
            done += len(chunk)
            progress.at(done)
            if done > MAX_BYTES:
                raise AddressError(f"it sends more than {megabytes(MAX_BYTES)}", answered=True)
            yield chunk
    except (OSError, HTTPException) as error:
        raise _broken_off(done, progress.total, f"{error or type(error).__name__}") from error


def _write(part: Path, mode: str, chunks: Iterator[bytes]) -> int:
    """Raises DiskError; an AddressError out of `chunks` passes through."""
    done = 0
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open(mode) as file:
            for chunk in chunks:
                file.write(chunk)
                done += len(chunk)
    except OSError as error:
        raise _disk_error(part, error) from error
    return done


def _verify(part: Path, file: RemoteFile) -> None:
    """Raises AddressError, and takes the wrong bytes away."""
    found = _md5(part)
    if found == file.md5:
        return
    size = part.stat().st_size
    with part.open("rb") as content:
        page = content.read(512).lstrip().lower().startswith((b"<!doctype html", b"<html"))
    part.unlink()
    what = ", an HTML page" if page else ""
    reason = f"md5 {file.md5} is expected, and {found} came ({size:,} bytes{what})"
    raise AddressError(reason, answered=True)


def _broken_off(done: int, total: int | None, why: str) -> BrokenOffError:
    of = f" of {total:,}" if total else ""
    kept = f"broke off after {done:,}{of} bytes ({why}); they are kept, and a rerun goes on"
    return BrokenOffError(kept, answered=True)


def _disk_error(part: Path, error: OSError) -> DiskError:
    place = next(folder for folder in part.absolute().parents if folder.exists())
    free = megabytes(shutil.disk_usage(place).free)
    return DiskError(f"cannot write {part}: {error.strerror} ({free} free); a rerun goes on")


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)  # what the publishers give
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
