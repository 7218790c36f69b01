"""The log, when nobody reads it, when others write to the same place, and when it is no pipe."""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving.operations.lines import Lines, _write_when_ready
from tests.serving.live import ROOT, Server, serving
from tests.serving.load import eventually
from tests.serving.wire.raw_http import RawClient, head

LIVE = head("/v2/health/live", method="GET")
SMALLEST_PIPE = 4096  # bytes


@contextmanager
def unread(model: Path, *flags: str) -> Iterator[Server]:
    """Start a server whose standard error is a small pipe that is read once, for its address."""
    source, drain = os.pipe()
    fcntl.fcntl(source, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
    process = subprocess.Popen(
        [sys.executable, "-m", "serving", "--port", "0", "--model", model, *flags],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=drain, text=True,
    )  # fmt: skip
    os.close(drain)
    first = b""
    while not (found := re.search(rb"http://[\d.]+:\d+", first)):
        first += os.read(source, 4096)
    try:
        yield Server(process, url=found[0].decode())
    finally:
        process.kill()
        process.wait(20)
        os.close(source)


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.soak)])
def test_an_unread_log_stops_nothing(tiny_model: Path, workers: str) -> None:
    """Thousands of requests are answered, lines that found no room are counted, SIGTERM works."""
    with unread(tiny_model, "--drain", "0", "--workers", workers) as server:
        for _ in range(8):
            with RawClient(server) as client:
                client.send(LIVE * 1000)
                assert [client.reply().status for _ in range(1000)] == [200] * 1000
        dropped = server.metric("serving_log_lines_dropped_total")
        assert 1000 < dropped < 8000
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0


def test_lines_of_several_workers_stay_whole(tiny_model: Path) -> None:
    """Each is JSON, and none is missing, while somebody reads."""
    with serving("--model", str(tiny_model), "--workers", "2") as server:
        for _ in range(20):
            with RawClient(server) as client:
                client.send(LIVE * 100)
                assert [client.reply().status for _ in range(100)] == [200] * 100
        server.stop()
        lines = [json.loads(line) for line in server.log if line.startswith("{")]
    assert [line["path"] for line in lines] == ["/v2/health/live"] * 2000


def test_a_log_in_a_file_is_added_to(tiny_model: Path, tmp_path: Path) -> None:
    """What stood there stays, also where the shell did not open it for appending."""
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.write(b"before\n")
        file.flush()
        process = subprocess.Popen(
            [sys.executable, "-m", "serving", "--port", "0", "--model", tiny_model],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=file,
        )  # fmt: skip
        eventually(lambda: "http://" in log.read_text(), "the address")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert log.read_text().startswith("before\n")


def test_a_socket_is_written_to_without_waiting() -> None:
    """As the journal's is: what it has no room for is kept, then dropped and counted."""
    ours, theirs = socket.socketpair()
    dropped: list[int] = []
    with ours, theirs:
        lines = Lines(ours.fileno())
        lines.begin(dropped.append, is_shared=True)
        line = b"x" * 999 + b"\n"
        for _ in range(5000):
            all_out = lines.put([line])
        assert not all_out
        received = 0
        theirs.settimeout(5)
        while not all_out:
            received += len(theirs.recv(1 << 16))
            all_out = lines.put(())
        lines.close(0)
        ours.close()
        while chunk := theirs.recv(1 << 16):
            received += len(chunk)
    assert dropped
    assert received == len(line) * (5000 - sum(dropped))


def test_a_reader_that_has_gone_costs_nothing() -> None:
    """A closed pipe: lines are dropped and counted, and nothing raises."""
    source, drain = os.pipe()
    dropped: list[int] = []
    lines = Lines(drain)
    lines.begin(dropped.append, is_shared=True)
    os.close(source)
    assert lines.put([b"a\n", b"b\n"])
    assert sum(dropped) == 2
    lines.close(0)
    os.close(drain)


def test_another_users_pipe_is_asked_whether_it_has_room() -> None:
    """It cannot be opened a second time: at most what it takes at once is written, or nothing."""
    source, drain = os.pipe()
    fcntl.fcntl(source, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
    assert _write_when_ready(drain, b"x" * 5000) == SMALLEST_PIPE
    with pytest.raises(BlockingIOError):
        _write_when_ready(drain, b"y")
    os.close(source)
    os.close(drain)
