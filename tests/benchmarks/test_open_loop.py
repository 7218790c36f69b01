"""The load that does not wait counts everything that it offers, whatever becomes of it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from benchmarks.open_loop import OpenLoop, request
from benchmarks.wrk import Call
from tests.serving.live import Server, serving
from tests.serving.onnx_files import build_model

CALL = Call("/predict", {"Content-Type": "application/octet-stream"}, bytes(784), 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a tiny model."""
    path = tmp_path_factory.mktemp("tiny") / "model.onnx"
    path.write_bytes(build_model())
    with serving("--model", str(path), "--no-access-log") as running:
        yield running


def test_a_server_that_keeps_up_answers_all(server: Server) -> None:
    """Every request that was due is offered, sent and answered; connections are used again."""
    loop = OpenLoop(server.port, request(CALL, CALL.path), patience_s=10, most=8)
    found = loop.run(100, 0.5)
    loop.close()
    assert found.offered == 50
    assert found.statuses[200] + found.unsent == 50
    assert len(found.latencies_s) == found.statuses[200] > 0
    assert (found.gave_up, found.broken) == (0, 0)


def test_refusals_are_counted_by_status(server: Server) -> None:
    """They are no answers, and have no latency."""
    loop = OpenLoop(server.port, request(CALL, "/nowhere"), patience_s=10, most=8)
    found = loop.run(100, 0.2)
    loop.close()
    assert found.statuses[404] + found.unsent == 20
    assert found.answered_s == 0
    assert found.latencies_s == []


def test_who_is_not_answered_gives_up() -> None:
    """After its patience; what finds no connection is not sent."""
    with silent() as port:
        loop = OpenLoop(port, request(CALL, CALL.path), patience_s=0.2, most=3)
        found = loop.run(100, 0.1)
        loop.close()
    assert (found.offered, found.gave_up, found.unsent) == (10, 3, 7)
    assert found.statuses.total() == 0


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken: list[socket.socket] = []

        def take() -> None:
            with suppress(OSError):
                while True:
                    taken.append(listening.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        yield listening.getsockname()[1]
        for one in taken:
            one.close()
