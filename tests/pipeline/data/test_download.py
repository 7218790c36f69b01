"""A file is fetched whole and right, or not at all, and what came of it is never lost."""

import hashlib
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

from pipeline.data import download
from pipeline.data.download import DownloadError
from pipeline.data.sources import Address, RemoteFile

CONTENT = bytes(range(256)) * 800  # more than what sockets buffer
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
SILENCE_S = 0.3


class Mirror(Protocol):
    """conftest.MirrorServer, whose module cannot be imported."""

    files: dict[str, bytes]
    faults: dict[str, list[str]]
    requests: list[tuple[str, str | None]]

    @property
    def address(self) -> str: ...


def remote(*addresses: Address) -> RemoteFile:
    return RemoteFile("a.gz", MD5, addresses)


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def fail(file: RemoteFile, folder: Path) -> DownloadError:
    with pytest.raises(DownloadError) as caught:
        download.fetch(file, folder, silence_s=SILENCE_S)
    assert not (folder / "a.gz").exists()
    return caught.value


@pytest.fixture
def url(mirror: Mirror) -> str:
    mirror.files["/a.gz"] = CONTENT
    return f"{mirror.address}/a.gz"


def test_a_file_is_fetched_once(url: str, mirror: Mirror, tmp_path: Path) -> None:
    """What lies there with the right checksum is not asked for again."""
    assert download.fetch(remote(url), tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT
    assert not download.fetch(remote(url), tmp_path)
    assert mirror.requests == [("/a.gz", None)]
    assert [path.name for path in tmp_path.iterdir()] == ["a.gz"]


def test_a_dropped_connection_is_taken_up_again(
    url: str,
    mirror: Mirror,
    tmp_path: Path,
) -> None:
    """The second request asks for the rest only."""
    mirror.faults["/a.gz"] = ["drop"]
    assert download.fetch(remote(url), tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT
    assert [wanted for _, wanted in mirror.requests] == [None, f"bytes={len(CONTENT) // 2}-"]


def test_a_server_without_ranges_starts_over(url: str, mirror: Mirror, tmp_path: Path) -> None:
    """The whole file is taken where the server cannot send the rest."""
    mirror.faults["/a.gz"] = ["drop", "deaf"]
    assert download.fetch(remote(url), tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT


@pytest.mark.parametrize("fault", ["drop", "stall"])
def test_an_address_that_always_breaks_off_is_an_error_and_a_rerun_goes_on(
    fault: str,
    url: str,
    mirror: Mirror,
    tmp_path: Path,
) -> None:
    """The error tells the bytes that came and were announced; the next run asks for the rest."""
    mirror.faults["/a.gz"] = [fault] * download.TRIES
    error = fail(remote(url), tmp_path)
    kept = (tmp_path / "a.gz.part").stat().st_size
    assert error.answered
    message = (
        f"a.gz could not be fetched: {url}: broke off after {kept:,} of {len(CONTENT):,} bytes"
    )
    assert message in str(error)
    assert download.fetch(remote(url), tmp_path)
    assert mirror.requests[-1] == ("/a.gz", f"bytes={kept}-")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("short", r"md5 MD5 is expected, and [0-9a-f]{32} came \(102,400 bytes\)"),
        ("wrong", r"md5 MD5 is expected, and [0-9a-f]{32} came \(204,800 bytes\)"),
        ("html", r"md5 MD5 is expected, and [0-9a-f]{32} came \(43 bytes, an HTML page\)"),
    ],
)
def test_wrong_bytes_are_refused(
    fault: str,
    said: str,
    url: str,
    mirror: Mirror,
    tmp_path: Path,
) -> None:
    """The error names file, address, what was expected and what came; nothing of it stays."""
    mirror.faults["/a.gz"] = [fault]
    error = fail(remote(url), tmp_path)
    assert error.answered
    assert re.search(said.replace("MD5", MD5), str(error))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", ["404", "403", "503", "mute"])
def test_an_address_without_the_file_is_no_answer(
    fault: str,
    url: str,
    mirror: Mirror,
    tmp_path: Path,
) -> None:
    """A status or silence sends no byte of the file: the reason is given."""
    mirror.faults["/a.gz"] = [fault]
    error = fail(remote(url), tmp_path)
    assert not error.answered
    assert ("no answer (timed out)" if fault == "mute" else f"HTTP {fault}") in str(error)


def test_every_address_is_asked_and_named(url: str, mirror: Mirror, tmp_path: Path) -> None:
    """A closed port, wrong bytes and a missing file: three reasons in one error."""
    closed = f"http://127.0.0.1:{closed_port()}/a.gz"
    mirror.faults["/a.gz"] = ["wrong"]
    error = fail(remote(closed, url, tmp_path / "none/a.gz"), tmp_path)
    assert f"{closed}: no answer ([Errno 111] Connection refused)" in str(error)
    assert [failure.answered for failure in error.failures] == [False, True, False]
    assert error.answered


def test_the_next_address_mends_a_wrong_one(url: str, mirror: Mirror, tmp_path: Path) -> None:
    """Wrong bytes from the mirror do not matter where another address has the right ones."""
    mirror.files["/bad/a.gz"] = CONTENT[:1000]
    assert download.fetch(remote(f"{mirror.address}/bad/a.gz", url), tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT


@pytest.mark.parametrize("part", [b"something else", b"x" * (len(CONTENT) + 1)])
def test_a_part_of_other_bytes_is_thrown_away(part: bytes, url: str, tmp_path: Path) -> None:
    """Going on from a wrong or too long beginning ends in one more try from the start."""
    (tmp_path / "a.gz.part").write_bytes(part)
    assert download.fetch(remote(url), tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT


def test_a_wrong_file_in_place_is_replaced(url: str, tmp_path: Path) -> None:
    """A file is taken as it lies only when its checksum holds."""
    (tmp_path / "a.gz").write_bytes(CONTENT[:-1])
    assert download.fetch(remote(url), tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT


def test_a_directory_is_copied_from(tmp_path: Path) -> None:
    """A path is an address like any other, and verified like any other."""
    (tmp_path / "mirror").mkdir()
    source = tmp_path / "mirror/a.gz"
    source.write_bytes(CONTENT[:-1])
    error = fail(remote(source), tmp_path / "raw")
    assert error.answered
    assert "204,799 bytes" in str(error)
    source.write_bytes(CONTENT)
    assert download.fetch(remote(source), tmp_path / "raw")
    assert (tmp_path / "raw/a.gz").read_bytes() == source.read_bytes()


def test_a_full_disk_is_told_and_not_taken_for_a_dead_address(url: str, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: place, reason and room are named."""
    code = f"""
import resource, signal
from pathlib import Path
from pipeline.data import download
from pipeline.data.sources import RemoteFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    download.fetch(RemoteFile("a.gz", {MD5!r}, ({url!r},)), Path({str(tmp_path)!r}))
except download.DiskError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"cannot write {tmp_path}/a.gz.part: File too large (" in done.stdout
    assert not (tmp_path / "a.gz").exists()


def test_progress_in_a_log_is_one_line_a_file(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a terminal nothing is redrawn."""
    download.fetch(remote(url), tmp_path)
    assert capsys.readouterr().err == f"  a.gz  0.2 MB from {url}\n"
