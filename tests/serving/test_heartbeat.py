"""A worker that is stopped, or whose model never returns: noticed, said, replaced, counted."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from serving.errors import HANGS
from tests.serving.live import NotAdmittedError, Server, serving
from tests.serving.load import eventually
from tests.serving.onnx_files import build_model
from tests.serving.test_workers import children

WHITE = b"\xff" * 784
BLACK = bytes(784)
RAW = {"content_type": "application/octet-stream"}
HUNG = 'serving_worker_restarts_total{reason="hung"}'
ENDED = 'serving_worker_restarts_total{reason="ended"}'


@pytest.fixture(scope="module")
def stuck_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a model that never returns from a white image."""
    path = tmp_path_factory.mktemp("stuck") / "model.onnx"
    path.write_bytes(build_model(net="stuck"))
    return path


def test_a_stopped_worker_is_replaced(tiny_model: Path) -> None:
    """SIGSTOP of one of two: it is ended, another takes its socket, and that is counted."""
    flags = ("--model", str(tiny_model), "--workers", "2", "--heartbeat", "2", "--no-access-log")
    with serving(*flags) as server:
        eventually(lambda: server.metric("serving_ready_workers") == 2, "both workers")
        victim = children(server.process.pid)[0]
        os.kill(victim, signal.SIGSTOP)
        eventually(lambda: victim not in children(server.process.pid), "its end")
        eventually(is_answered(server, HUNG), "its successor")
        assert server.metric(ENDED) == 0
        assert any("no sign of life" in line for line in server.log)
        assert server.stop() == 0


@pytest.mark.soak
def test_a_worker_whose_model_never_returns_is_replaced(stuck_model: Path) -> None:
    """One image has hung it; who asks after it is served by the successor."""
    flags = ("--model", str(stuck_model), "--workers", "2", "--heartbeat", "2", "--no-access-log")
    with serving(*flags, "--deadline", "1") as server:
        answer = server.ask("POST", "/predict", WHITE, **RAW)
        assert answer.status == 504
        eventually(is_answered(server, HUNG), "its successor")
        assert server.ask("POST", "/predict", BLACK, **RAW).status == 200


def test_one_process_says_that_it_hangs_and_still_ends(stuck_model: Path) -> None:
    """Live and ready are 503, new images are refused at once, and SIGTERM is heard."""
    flags = ("--model", str(stuck_model), "--heartbeat", "0.5", "--deadline", "1", "--drain", "0")
    with serving(*flags) as server:
        assert server.ask("GET", "/v2/health/live").status == 200
        assert server.ask("POST", "/predict", WHITE, **RAW).status == 504
        eventually(lambda: server.ask("GET", "/v2/health/live").status == 503, "no liveness")
        for method, path in (("GET", "/v2/health/ready"), ("POST", "/predict")):
            answer = server.ask(method, path, BLACK if method == "POST" else b"", **RAW)
            assert answer.status == 503
            assert "does not return" in answer.json["error"]
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == HANGS


def is_answered(server: Server, counter: str) -> Callable[[], bool]:
    """Whether both workers are ready, and one was replaced for this reason."""

    def holds() -> bool:
        with suppress(NotAdmittedError, OSError):
            ready = server.metric("serving_ready_workers") == 2
            return ready and server.metric(counter) >= 1
        return False

    return holds
