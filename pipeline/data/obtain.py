"""Fill data/raw: published files where an address has them, else the embedded digits, loudly."""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from contract.files import sha256_of_file, write_bytes, write_json
from pipeline.data import download
from pipeline.data.download import DownloadError
from pipeline.data.notice import Held, fallback_box
from pipeline.data.raw import SOURCE_JSON, RawError, Source
from pipeline.data.sources import RemoteFile

DIGITS_FILE = "digits.csv.gz"


def obtain(
    raw: Path,
    dataset: str,
    remote: tuple[RemoteFile, ...],
    *,
    fallback: Literal["digits"] | None,
) -> Source:
    """Make `raw` hold `dataset`, out of the `remote` files, and nothing else.

    Files that are there and right are kept.
    Raises RawError where no address has it and there is no fallback, or one sent wrong bytes.
    """
    with _locked(raw):
        try:
            name, files = dataset, _collect(raw / dataset, dataset, remote)
        except DownloadError as error:
            if fallback is None or error.answered:
                raise RawError(_ways_out(error)) from error
            name, files = fallback, _collect(raw / fallback, fallback, ())
            held = Held(name, dataset, "fallback")
            asked = tuple(f"{failed.address}\n!!   {failed.reason}" for failed in error.failures)
            sys.stderr.write(f"\n{fallback_box(held, asked)}\n\n")
        origin: Literal["published", "fallback"] = "published" if name == dataset else "fallback"
        source = Source(name=name, requested=dataset, source=origin, files=files)
        _keep_only(raw, source)
    return source


def _collect(folder: Path, dataset: str, remote: tuple[RemoteFile, ...]) -> dict[str, str]:
    """Fill `folder`, and return the sha256 of each of its files; raises DownloadError."""
    names = _download_all(remote, folder)
    if dataset == "digits":
        write_bytes(folder / DIGITS_FILE, _embedded_digits())
        names = [DIGITS_FILE]
    return {name: sha256_of_file(folder / name) for name in names}


def _download_all(remote: tuple[RemoteFile, ...], folder: Path) -> list[str]:
    """An address that gave one file and not another is no dead network: that is an error."""
    fetched = 0
    for file in remote:
        try:
            fetched += download.fetch(file, folder)
        except DownloadError as error:
            error.answered |= fetched > 0
            raise
    return [file.name for file in remote]


def _embedded_digits() -> bytes:
    """The file as scikit-learn packs it, without the seconds of importing scikit-learn."""
    spec = find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise RawError(
            "scikit-learn is not installed, which the digits come with: run `make setup`"
        )
    return Path(spec.submodule_search_locations[0], "datasets/data", DIGITS_FILE).read_bytes()


def _keep_only(raw: Path, source: Source) -> None:
    """Take away what is not of this set, then say what the folder holds."""
    write_json(raw / SOURCE_JSON, msgspec.to_builtins(source))
    for entry in raw.iterdir():
        if entry.name not in (source.name, SOURCE_JSON):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    if (raw / source.name).is_dir():
        for entry in (raw / source.name).iterdir():
            if entry.name not in source.files:
                entry.unlink()


@contextmanager
def _locked(raw: Path) -> Iterator[None]:
    """Two fetches into one folder wait for each other; the lock is the folder's own."""
    raw.mkdir(parents=True, exist_ok=True)
    handle = os.open(raw, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _ways_out(error: DownloadError) -> str:
    if error.answered:
        return f"{error}. Try again, or name another mirror: DATA_MIRROR=<directory or URL>"
    return (
        f"{error}. Two ways out: a mirror (DATA_MIRROR=<directory or URL> dvc repro), "
        "or the embedded set (data.offline_fallback: digits, or data.dataset: digits)"
    )
