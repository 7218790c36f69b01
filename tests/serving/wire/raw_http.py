"""One TCP connection to a server, and its replies one by one."""

import socket
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.serving.live import Answer, Server


def head(path: str, *fields: str, method: str = "POST") -> bytes:
    """Write a request's head; `fields` as `Name: value`."""
    lines = "".join(f"{line}\r\n" for line in ("Host: localhost", *fields))
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()


@dataclass
class RawClient:
    """A connection that sends bytes as they are."""

    server: Server
    received: bytes = field(default=b"", init=False)

    def __enter__(self) -> Self:
        self.socket = socket.create_connection(("127.0.0.1", self.server.port), timeout=20)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, content: bytes) -> None:
        self.socket.sendall(content)

    def reply(self) -> Answer:
        """Wait for one whole reply, also for one without a body (100 Continue)."""
        while b"\r\n\r\n" not in self.received:
            self._receive()
        text, _, rest = self.received.partition(b"\r\n\r\n")
        first, *lines = text.decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines)
        size = int(fields.get("content-length", "0"))
        self.received = rest
        while len(self.received) < size:
            self._receive()
        body, self.received = self.received[:size], self.received[size:]
        return Answer(int(first.split()[1]), fields, body)

    def _receive(self) -> None:
        chunk = self.socket.recv(1 << 16)
        if not chunk:
            raise ConnectionResetError("the server closed before its reply was whole")
        self.received += chunk

    def ends(self) -> bool:
        """Whether the server closes without any further byte; raises where it resets."""
        return not self.received and self.socket.recv(1) == b""
