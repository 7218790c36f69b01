"""A client that can misbehave: raw bytes out, parsed replies back. Standard library only."""

import http.client
import json
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 30.0
TOLERANCE = 1e-6  # on a probability, float32
RAW = {"Content-Type": "application/octet-stream"}
JSON = {"Content-Type": "application/json"}


class DrillError(Exception):
    """The server cannot be drilled: not there, not ready, or not this interface."""


@dataclass(frozen=True)
class Answer:
    """One reply; status 0 when the connection closed without one."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:  # noqa: ANN401 -- JSON
        with suppress(ValueError):
            return json.loads(self.body)
        return None


@dataclass(frozen=True)
class Target:
    """Where the server listens, and the key that it asks for, if any."""

    host: str
    port: int
    key: str = ""

    @classmethod
    def at(cls, url: str, *, key: str = "") -> "Target":
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise DrillError(f"{url!r} is no address: give one like http://127.0.0.1:8000")
        return cls(parts.hostname, parts.port or 80, key)

    def connect(self, timeout_s: float = TIMEOUT_S) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout_s)

    def request(
        self, path: str, body: bytes = b"", fields: Mapping[str, str] | None = None
    ) -> bytes:
        """Write out one whole request: POST when there is a body or a content type, else GET."""
        named = dict(fields or {})
        method = "POST" if body or named else "GET"
        if method == "POST":
            named.setdefault("Content-Length", str(len(body)))
        lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        return self.head(f"{method} {path}", lines.encode()) + body

    def head(self, start: str, fields: bytes = b"") -> bytes:
        key = f"X-API-Key: {self.key}\r\n" if self.key else ""
        return f"{start} HTTP/1.1\r\nHost: {self.host}\r\n{key}".encode() + fields + b"\r\n"

    def send(self, sent: bytes, timeout_s: float = TIMEOUT_S) -> Answer:
        """Send bytes as they are on a connection of their own, and read one reply."""
        with self.connect(timeout_s) as connection:
            with suppress(ConnectionError):
                connection.sendall(sent)
            return read_answer(connection)

    def ask(self, path: str, body: bytes = b"", fields: Mapping[str, str] | None = None) -> Answer:
        return self.send(self.request(path, body, fields))


def read_answer(connection: socket.socket) -> Answer:
    """Read one reply; TimeoutError when none comes."""
    reply = http.client.HTTPResponse(connection)
    try:
        reply.begin()
        headers = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(reply.status, reply.read(), headers)
    except (http.client.HTTPException, ConnectionError):
        return Answer(0)
    finally:
        reply.close()


@dataclass(frozen=True)
class Subject:
    """The model behind a target, and one image with the right answer."""

    target: Target
    name: str
    version: str
    shape: tuple[int, int, int]
    limits: Mapping[str, int]
    image: bytes
    probabilities: tuple[float, ...]

    @classmethod
    def behind(cls, target: Target) -> "Subject":
        """Learn the model from its metadata, and the right answer from two doors that agree."""
        name = _expect(target.ask("/v2/models"))["models"][0]
        facts = _expect(target.ask(f"/v2/models/{name}"))
        channels, height, width = (int(side) for side in facts["inputs"][0]["shape"][1:])
        image = bytes((7 * at) % 256 for at in range(channels * height * width))
        subject = cls(
            target, name, facts["versions"][0], (channels, height, width),
            facts["parameters"], image, (),
        )  # fmt: skip
        reply = target.ask(subject.infer, image, {"Inference-Header-Content-Length": "0"})
        if reply.status != http.HTTPStatus.OK:
            raise DrillError(f"a good request gets {reply.status}: is it ready, and the key right?")
        tail = reply.body[int(reply.headers["inference-header-content-length"]) :]
        expected = struct.unpack(f"<{len(tail) // 4}f", tail)
        return cls(**{**vars(subject), "probabilities": expected})

    @property
    def infer(self) -> str:
        return f"/v2/models/{self.name}/infer"

    @property
    def good(self) -> bytes:
        return self.target.request("/predict", self.image, RAW)

    def is_right(self, answer: Answer) -> bool:
        """Whether a /predict reply holds the probabilities that it must."""
        if answer.status != http.HTTPStatus.OK:
            return False
        found = [float(one) for one in answer.json["predictions"][0]["probabilities"].values()]
        pairs = zip(found, self.probabilities, strict=True)
        return all(abs(one - other) < TOLERANCE for one, other in pairs)

    def is_well(self) -> str:
        """Say what is wrong after a blow; empty: alive, and the next good request is right."""
        if self.target.ask("/v2/health/live").status != http.HTTPStatus.OK:
            return "not live"
        return "" if self.is_right(self.target.send(self.good)) else "the next good request failed"


def _expect(answer: Answer) -> Any:  # noqa: ANN401 -- JSON
    if answer.status != http.HTTPStatus.OK:
        raise DrillError(f"the model's metadata gets {answer.status} {answer.body[:200]!r}")
    return answer.json
