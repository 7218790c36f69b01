"""A real `mlflow server` on loopback, which can be killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import psutil

WAIT_S = 120


class Server:
    """Its port and its database stay the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ("--workers", "1", "--port", str(self.port))
        places = ("--artifacts-destination", str(self.folder / "artifacts"))
        database = ("--backend-store-uri", f"sqlite:///{self.folder}/server.db")
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *options, *places, *database],
            cwd=self.folder,
            env={**os.environ, **quiet},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + WAIT_S
        while not self.answers():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kill(self) -> None:
        """As a machine that loses power: nothing is said to whoever is connected."""
        if self.process is None:
            return
        children = psutil.Process(self.process.pid).children(recursive=True)
        for pid in (self.process.pid, *(child.pid for child in children)):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def answers(self) -> bool:
        try:
            with urlopen(f"{self.uri}/health", timeout=1) as reply:  # noqa: S310 - loopback
                return bool(reply.status == 200)
        except OSError:
            return False


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
