"""data/raw holds one data set, whole and verified, and says which."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

import pytest

from pipeline.data import obtain, raw
from pipeline.data.raw import RawError
from pipeline.data.sources import Address, RemoteFile

CONTENTS = {"a.gz": b"first" * 50_000, "b.gz": b"second" * 50_000}


class Mirror(Protocol):
    """conftest.MirrorServer, whose module cannot be imported."""

    files: dict[str, bytes]
    faults: dict[str, list[str]]
    requests: list[tuple[str, str | None]]

    @property
    def address(self) -> str: ...


def remote(base: Address) -> tuple[RemoteFile, ...]:
    return tuple(
        RemoteFile(
            name,
            hashlib.md5(content, usedforsecurity=False).hexdigest(),
            (base / name if isinstance(base, Path) else f"{base}/{name}",),
        )
        for name, content in CONTENTS.items()
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory that mirrors both files."""
    place = tmp_path / "mirror"
    place.mkdir()
    for name, content in CONTENTS.items():
        (place / name).write_bytes(content)
    return place


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_the_folder_says_what_it_holds(tmp_path: Path, folder: Path) -> None:
    """source.json has names and hashes, and no address: two mirrors give the same bytes."""
    obtain.obtain(tmp_path / "raw", "mnist", remote(folder), fallback=None)
    assert names(tmp_path / "raw") == ["mnist/a.gz", "mnist/b.gz", "source.json"]
    assert json.loads((tmp_path / "raw/source.json").read_text()) == {
        "name": "mnist",
        "requested": "mnist",
        "source": "published",
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in CONTENTS.items()},
    }
    assert raw.load(tmp_path / "raw", "mnist").source == "published"


def test_another_set_takes_the_place_of_the_first(tmp_path: Path, folder: Path) -> None:
    """The folder's content depends on the parameters, not on what was there before."""
    obtain.obtain(tmp_path / "raw", "mnist", remote(folder), fallback=None)
    (tmp_path / "raw/mnist/a.gz.part").write_bytes(b"half")
    obtain.obtain(tmp_path / "raw", "digits", (), fallback=None)
    assert names(tmp_path / "raw") == ["digits/digits.csv.gz", "source.json"]
    obtain.obtain(tmp_path / "raw", "folder", (), fallback=None)
    assert names(tmp_path / "raw") == ["source.json"]


def test_a_failed_fetch_leaves_the_old_set_whole(tmp_path: Path, folder: Path) -> None:
    """Files go only when the new set is complete."""
    obtain.obtain(tmp_path / "raw", "mnist", remote(folder), fallback=None)
    with pytest.raises(RawError):
        obtain.obtain(tmp_path / "raw", "kmnist", remote(tmp_path / "none"), fallback=None)
    assert raw.load(tmp_path / "raw", "mnist").files


def test_where_no_address_answers_the_digits_stand_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The warning names what was asked for, every address and the way back."""
    source = obtain.obtain(tmp_path / "raw", "mnist", remote(tmp_path / "none"), fallback="digits")
    assert (source.name, source.requested, source.source) == ("digits", "mnist", "fallback")
    printed = capsys.readouterr().err
    for text in ("THIS IS NOT MNIST", f"{tmp_path}/none/a.gz", "no such file", "make refetch"):
        assert text in printed


def test_trying_again_replaces_the_stand_in(tmp_path: Path, folder: Path) -> None:
    """Once an address answers, nothing of the fallback stays."""
    obtain.obtain(tmp_path / "raw", "mnist", remote(tmp_path / "none"), fallback="digits")
    obtain.obtain(tmp_path / "raw", "mnist", remote(folder), fallback="digits")
    assert names(tmp_path / "raw") == ["mnist/a.gz", "mnist/b.gz", "source.json"]


def test_without_a_fallback_the_error_names_addresses_and_ways_out(tmp_path: Path) -> None:
    """Two ways: a mirror, or the embedded set."""
    with pytest.raises(RawError) as caught:
        obtain.obtain(tmp_path / "raw", "mnist", remote(tmp_path / "none"), fallback=None)
    for text in ("none/a.gz: no such file", "DATA_MIRROR=", "data.offline_fallback: digits"):
        assert text in str(caught.value)


@pytest.mark.parametrize("fault", ["wrong", "short", "html", "drop"])
def test_a_fallback_never_covers_wrong_data(fault: str, mirror: Mirror, tmp_path: Path) -> None:
    """An address that sends something wrong is an error, whatever the parameter says."""
    mirror.files.update({f"/{name}": content for name, content in CONTENTS.items()})
    mirror.faults["/b.gz"] = [fault] * 3
    with pytest.raises(RawError, match=r"b\.gz could not be fetched"):
        obtain.obtain(tmp_path / "raw", "mnist", remote(mirror.address), fallback="digits")
    assert not (tmp_path / "raw/source.json").exists()


def test_a_mirror_that_has_half_of_the_set_is_an_error(mirror: Mirror, tmp_path: Path) -> None:
    """The network is alive: the second file's absence is no reason to take another set."""
    mirror.files["/a.gz"] = CONTENTS["a.gz"]
    with pytest.raises(RawError, match="HTTP 404"):
        obtain.obtain(tmp_path / "raw", "mnist", remote(mirror.address), fallback="digits")


def test_killed_in_the_middle_a_rerun_goes_on(mirror: Mirror, tmp_path: Path) -> None:
    """The part is never taken for a file, and finished files are not asked for again."""
    mirror.files.update({f"/{name}": content for name, content in CONTENTS.items()})
    mirror.faults["/b.gz"] = ["stall"]
    place = tmp_path / "raw"
    code = f"""
from pathlib import Path, PosixPath
from pipeline.data import obtain, raw
from pipeline.data.sources import RemoteFile
obtain.obtain(Path({str(place)!r}), "mnist", {remote(mirror.address)!r}, fallback=None)
"""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        part = place / "mnist/b.gz.part"
        deadline = time.monotonic() + 30
        while not part.exists() or part.stat().st_size < 100_000:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert names(place) == ["mnist/a.gz", "mnist/b.gz.part"]
    kept = part.stat().st_size
    obtain.obtain(place, "mnist", remote(mirror.address), fallback="digits")
    assert mirror.requests == [("/a.gz", None), ("/b.gz", None), ("/b.gz", f"bytes={kept}-")]
    assert raw.load(place, "mnist").source == "published"


def test_two_fetches_at_once_both_end_well(mirror: Mirror, tmp_path: Path) -> None:
    """The second waits for the first, and then finds everything there."""
    mirror.files.update({f"/{name}": content for name, content in CONTENTS.items()})
    code = f"""
from pathlib import Path
from pipeline.data import obtain, raw
from pipeline.data.sources import RemoteFile
obtain.obtain(Path({str(tmp_path / "raw")!r}), "mnist", {remote(mirror.address)!r}, fallback=None)
"""
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert sorted(path for path, _ in mirror.requests) == ["/a.gz", "/b.gz"]
