"""A server that may open few files: connections wait for one, and nothing else happens."""

import resource
import socket
from contextlib import ExitStack
from pathlib import Path

from tests.serving.live import serving
from tests.serving.load import eventually

SPARE = 10  # descriptors beside those of a server that nobody asks


def test_more_connections_than_descriptors(tiny_model: Path) -> None:
    """Those beyond wait in the socket, and are answered when the idle ones have gone."""
    with serving("--model", str(tiny_model), "--idle-timeout", "1") as server, ExitStack() as stack:
        pid = server.process.pid
        most = len(list(Path(f"/proc/{pid}/fd").iterdir())) + SPARE
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
        address = ("127.0.0.1", server.port)
        idle = [stack.enter_context(socket.create_connection(address, 20)) for _ in range(40)]
        eventually(
            lambda: len(list(Path(f"/proc/{pid}/fd").iterdir())) == most, "every descriptor taken"
        )
        answer = server.ask("POST", "/predict", bytes(784), content_type="application/octet-stream")
        assert answer.status == 200
        assert all(client.recv(1) == b"" for client in idle)
        assert server.stop() == 0
        assert len(server.log) < 10, server.log
