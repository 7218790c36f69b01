"""Callers who do not wait for each other: requests at fixed times, whatever became of others.

One thread on one epoll, with as little Python for each request as there can be: a load generator
that is slower than the server measures itself.
"""

import select
import socket
import time
from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

from benchmarks.wrk import Call

_LENGTH = b"content-length: "
_OK = 200


@dataclass
class Outcome:
    """Of one run; seconds of a latency count from the time at which the request was due."""

    seconds: float
    offered: int = 0
    unsent: int = 0  # no connection was free, and no more may be opened
    statuses: Counter[int] = field(default_factory=Counter)
    gave_up: int = 0  # callers whose patience ended
    broken: int = 0  # connections that ended without an answer
    in_window: int = 0  # 200s that came while requests were still being sent
    latencies_s: list[float] = field(default_factory=list)  # of all 200s

    @property
    def answered_s(self) -> float:
        """Answers in time, a second."""
        return self.in_window / self.seconds

    @property
    def p99_s(self) -> float:
        return float(np.quantile(self.latencies_s, 0.99)) if self.latencies_s else 0.0


@dataclass(eq=False, slots=True)
class _Connection:
    socket: socket.socket
    due_s: float = 0.0
    number: int = 0  # of the request that is under way; 0: none
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    received: bytes = b""


class OpenLoop:
    """Send `request` to a port of this machine, `rate` times a second for `seconds`."""

    def __init__(self, port: int, request: bytes, *, patience_s: float, most: int) -> None:
        self._port = port
        self._request = memoryview(request)
        self._patience_s = patience_s
        self._most = most
        self._poll = select.epoll()
        self._open: dict[int, _Connection] = {}
        self._free: list[_Connection] = []
        self._waiting: deque[tuple[int, _Connection]] = deque()

    def run(self, rate: float, seconds: float) -> Outcome:
        outcome = Outcome(seconds)
        self._outcome = outcome
        self._start_s = now_s = time.perf_counter()
        self._end_s = self._start_s + seconds
        total = int(rate * seconds)
        while outcome.offered < total or self._waiting:
            now_s = time.perf_counter()
            while outcome.offered < total:
                due_s = self._start_s + outcome.offered / rate
                if due_s > now_s:
                    break
                outcome.offered += 1
                self._send(due_s)
            self._give_up(now_s)
            more = outcome.offered < total
            wait_s = self._start_s + outcome.offered / rate - now_s if more else 0.05
            for descriptor, events in self._poll.poll(max(0.0, min(wait_s, 0.05)), 512):
                connection = self._open.get(descriptor)
                if connection is not None:
                    self._turn(connection, events)
        return outcome

    def close(self) -> None:
        for connection in list(self._open.values()):
            self._drop(connection)
        self._poll.close()

    def _send(self, due_s: float) -> None:
        if self._free:
            connection = self._free.pop()
        elif len(self._open) < self._most:
            connection = self._connected()
        else:
            self._outcome.unsent += 1
            return
        connection.due_s, connection.number = due_s, self._outcome.offered
        connection.received = b""
        connection.unsent = self._request
        self._waiting.append((connection.number, connection))
        self._write(connection)

    def _connected(self) -> _Connection:
        client = socket.socket()
        client.setblocking(False)  # noqa: FBT003 -- the standard library's signature
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect_ex(("127.0.0.1", self._port))
        connection = _Connection(client)
        self._open[client.fileno()] = connection
        self._poll.register(client, select.EPOLLIN)
        return connection

    def _write(self, connection: _Connection) -> None:
        try:
            sent = connection.socket.send(connection.unsent)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            if error.errno not in {11, 107, 115}:  # not connected yet
                self._lose(connection)
                return
            sent = 0
        connection.unsent = connection.unsent[sent:]
        more = select.EPOLLOUT if connection.unsent else 0
        if more or sent < len(self._request):
            self._poll.modify(connection.socket, select.EPOLLIN | more)

    def _turn(self, connection: _Connection, events: int) -> None:
        if events & select.EPOLLOUT and connection.unsent:
            self._write(connection)
        if not events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            return
        try:
            received = connection.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._lose(connection)
            return
        connection.received += received
        if _is_whole(connection.received):
            self._answered(connection)

    def _answered(self, connection: _Connection) -> None:
        now_s = time.perf_counter()
        status = int(connection.received[9:12])
        self._outcome.statuses[status] += 1
        if status == _OK:
            self._outcome.latencies_s.append(now_s - connection.due_s)
            self._outcome.in_window += now_s <= self._end_s
        connection.number = 0
        if connection.unsent or b"connection: close" in connection.received[:1024].lower():
            self._drop(connection)
        else:
            self._free.append(connection)

    def _lose(self, connection: _Connection) -> None:
        if connection.number:
            self._outcome.broken += 1
            connection.number = 0
        elif connection in self._free:
            self._free.remove(connection)
        self._drop(connection)

    def _give_up(self, now_s: float) -> None:
        waiting = self._waiting
        while waiting:
            number, connection = waiting[0]
            if connection.number == number:
                if now_s < connection.due_s + self._patience_s:
                    return
                self._outcome.gave_up += 1
                connection.number = 0
                self._drop(connection)
            waiting.popleft()

    def _drop(self, connection: _Connection) -> None:
        self._open.pop(connection.socket.fileno(), None)
        connection.socket.close()


def _is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return False
    at = head.lower().find(_LENGTH)
    return at < 0 or len(body) >= int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])


def request(call: Call, path: str) -> bytes:
    """The whole POST, as it is sent."""
    fields = {"Host": "127.0.0.1", **call.fields, "Content-Length": str(len(call.body))}
    lines = "".join(f"{name}: {text}\r\n" for name, text in fields.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + call.body
