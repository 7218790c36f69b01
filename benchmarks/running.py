"""A server process on given cores: started, timed to its first right answer, weighed, stopped."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.peers import Peer, Probabilities
from benchmarks.wrk import Call

PATIENCE_S = 60
TOLERANCE = 1e-5
NOT_READY = 503


@dataclass(frozen=True)
class Running:
    url: str
    pid: int
    first_answer_s: float  # from the start of the process

    @property
    def rss_mb(self) -> float:
        """Resident memory of the process and all below it."""
        return sum(map(_rss_kb, _family(self.pid))) / 1024


@contextmanager
def running(  # noqa: PLR0913 -- keyword-only choices of one start
    peer: Peer, *, port: int, cores: list[int], first: Call, expected: Probabilities, log: Path
) -> Iterator[Running]:
    """Give the server once it has answered `first` rightly; stop it and its children at the end."""
    command = ["taskset", "-c", ",".join(map(str, cores)), *peer.command]
    environment = {**os.environ, **peer.variables}
    url = f"http://127.0.0.1:{port}"
    start_s = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        await_right(url, peer, first, expected)
        yield Running(url, process.pid, time.perf_counter() - start_s)
    finally:
        _stop(process)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def await_right(url: str, peer: Peer, call: Call, expected: Probabilities) -> None:
    """Ask until the answer is there, a minute at most; a worker may still be loading (503)."""
    last_s = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < last_s:
        try:
            return check(url, peer, call, expected)
        except urllib.error.HTTPError as error:
            if error.code != NOT_READY:
                raise RuntimeError(f"{peer.name} answers {error.code} {error.read()!r}") from None
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.005)
    by_hand = " ".join(peer.command)
    raise RuntimeError(f"{peer.name} gave no answer in {PATIENCE_S} s: try by hand {by_hand}")


def check(url: str, peer: Peer, call: Call, expected: Probabilities) -> None:
    """Raise RuntimeError unless the answer is the model's."""
    request = urllib.request.Request(url + call.path, call.body, dict(call.fields))  # noqa: S310 -- loopback
    with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310 -- likewise
        found = peer.read(reply.read())
    if found.shape != expected.shape or not np.abs(found - expected).max() < TOLERANCE:
        raise RuntimeError(f"{peer.name} answers {call.path} wrongly")


def _family(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [pid, *(one for child in text.split() for one in _family(int(child)))]


def _rss_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGINT, as Ctrl-C does; what does not listen, or outlives its parent, is killed."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with contextlib.suppress(ProcessLookupError):
        while True:  # until nobody of the session is left, who might hold the port
            os.killpg(process.pid, signal.SIGKILL)
            process.poll()
            time.sleep(0.05)
