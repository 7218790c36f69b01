"""Real `python -m serving` processes on free loopback ports, and a client for them."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]


class NotAdmittedError(Exception):
    """The server took no connection: nothing was asked."""


@dataclass(frozen=True)
class Answer:
    """One reply."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 -- JSON
        return json.loads(self.body)

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """Return those of a /predict reply, (N, classes)."""
        assert self.status == 200, self
        rows = [list(one["probabilities"].values()) for one in self.json["predictions"]]
        return np.array(rows, np.float32)


@dataclass
class Server:
    """A `python -m serving` process on a free loopback port."""

    process: subprocess.Popen[str]
    log: list[str] = field(default_factory=list)
    url: str = ""
    _listening: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def grpc(self) -> str:
        """Return host:port of --grpc-port, as the log says it."""
        found = re.search(r"gRPC ([\d.]+:\d+)", "".join(self.log))
        assert found, self.log
        return found[1]

    def follow(self) -> None:
        """Gather the log until the process ends; the first line with an address sets `url`."""
        stream = self.process.stderr
        if stream is None:
            raise ValueError("start the process with its standard error in a pipe")
        for line in stream:
            self.log.append(line)
            found = re.search(r"http://[\d.]+:\d+", line)
            if found and not self.url:
                self.url = found[0]
                self._listening.set()
        stream.close()
        self._listening.set()

    def wait_for_address(self) -> None:
        self._reader = threading.Thread(target=self.follow, daemon=True)
        self._reader.start()
        if not self._listening.wait(30) or not self.url:
            raise AssertionError("no address in the log: " + "".join(self.log))

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send one request on its own connection; header names with _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.connect()
        except ConnectionError as error:
            raise NotAdmittedError from error
        connection.request(method, path, body or None, fields)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, content)

    def get(self, path: str) -> Any:  # noqa: ANN401 -- JSON
        """Expect 200 and JSON."""
        answer = self.ask("GET", path)
        assert answer.status == 200, answer
        return answer.json

    def predict(self, value: object, **headers: str) -> Answer:
        """Send JSON to /predict."""
        return self.ask(
            "POST",
            "/predict",
            json.dumps(value).encode(),
            content_type="application/json",
            **headers,
        )

    def raw(self, sent: bytes, *, half_close: bool = False) -> bytes:
        """Send bytes as they are; returns all that comes back until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            with suppress(ConnectionError):
                client.sendall(sent)
            if half_close:
                client.shutdown(socket.SHUT_WR)
            received = b""
            with suppress(ConnectionError):
                while chunk := client.recv(1 << 16):
                    received += chunk
            return received

    def metric(self, sample: str) -> float:
        """Return the sample of /metrics that has these labels, others beside; 0: there is none."""
        name, wanted = _labelled(sample)
        for line in self.ask("GET", "/metrics").body.decode().splitlines():
            found, labels = _labelled(line.rpartition(" ")[0])
            if found == name and wanted <= labels:
                return float(line.rpartition(" ")[2])
        return 0.0

    def stop(self) -> int:
        """SIGINT: stop without the drain's pause; returns the exit status."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end; returns the exit status."""
        status = self.process.wait(30)
        self._reader.join(10)
        return status


def _labelled(sample: str) -> tuple[str, set[str]]:
    name, _, labels = sample.partition("{")
    return name, set(re.findall(r'\w+="[^"]*"', labels))


@contextmanager
def serving(*arguments: str, **variables: str) -> Iterator[Server]:
    """Start a server, wait until it says its address, stop it at the end."""
    process = start_process(*arguments, folder=ROOT, **variables)
    server = Server(process)
    try:
        server.wait_for_address()
        yield server
    finally:
        server.stop()


def start_process(*arguments: str, folder: Path = ROOT, **variables: str) -> subprocess.Popen[str]:
    """Start `python -m serving` on any free port, with `folder` as its current folder."""
    command = [sys.executable, "-m", "serving", "--port", "0", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
