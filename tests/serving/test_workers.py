"""Several processes on one port: together at the start, replaced when dead, never orphans."""

import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.serving.live import NotAdmittedError, Server, serving, start_process
from tests.serving.load import eventually

Images = NDArray[np.uint8]


def test_no_worker_answers_before_all_can(tiny_model: Path, free_port: int) -> None:
    """Once one request was answered, none is refused: whichever worker it meets."""
    flags = ("--model", str(tiny_model), "--workers", "4", "--port", str(free_port))
    process = start_process(*flags)
    server = Server(process, url=f"http://127.0.0.1:{free_port}")
    statuses: list[int] = []
    while statuses[-50:] != [200] * 50:
        with suppress(NotAdmittedError):
            raw = bytes(784)
            answer = server.ask("POST", "/predict", raw, content_type="application/octet-stream")
            statuses.append(answer.status)
    first = statuses.index(200)
    assert set(statuses[:first]) <= {503}
    assert set(statuses[first:]) == {200}
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_killed_worker_is_replaced(tiny_model: Path, images: Images) -> None:
    """The other one serves meanwhile; counts go on where they were."""
    flags = ("--model", str(tiny_model), "--workers", "2", "--no-access-log")
    with serving(*flags) as server:
        eventually(lambda: server.metric("serving_ready_workers") == 2, "both workers")
        victim = children(server.process.pid)[0]
        served = 'serving_requests_total{route="/predict",status="200"}'
        for _ in range(10):
            server.predict({"images": images[0].tolist()})
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: victim not in children(server.process.pid), "its burial")
        assert server.predict({"images": images[0].tolist()}).status == 200
        eventually(lambda: server.metric("serving_ready_workers") == 2, "its successor")
        assert server.metric(served) == 11
        assert server.metric('serving_worker_restarts_total{reason="ended"}') == 1
        assert server.stop() == 0


def test_no_worker_outlives_its_supervisor(tiny_model: Path) -> None:
    """SIGKILL of the supervisor ends the workers too, and frees the port."""
    with serving("--model", str(tiny_model), "--workers", "2") as server:
        eventually(lambda: server.metric("serving_ready_workers") == 2, "both workers")
        workers = children(server.process.pid)
        server.process.kill()
        server.process.wait(10)
        eventually(lambda: not any(map(is_alive, workers)), "the workers' end")
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", server.port))


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
