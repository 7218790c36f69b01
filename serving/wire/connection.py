"""One client's connection: requests in turn, replies in order, deadlines, a polite end."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Protocol, cast

from serving.errors import ServingError, TooSlow
from serving.wire.budget import Budget
from serving.wire.messages import Reply, Request
from serving.wire.reader import Limits, Phase, RequestReader

_LINGER_S = 2.0  # how long a refused sender's bytes are still read (and thrown away)
_PHASES_BEHIND = 16  # pipelined requests that may wait before reading pauses


class App(Protocol):
    """What the connection serves."""

    @property
    def draining(self) -> bool:
        """Whether connections should close after their reply."""

    def __call__(self, request: Request) -> Coroutine[None, None, Reply]:
        """Answer; must not raise."""

    def refuse(self, error: ServingError) -> Reply:
        """Answer bytes that never became a Request."""


class Connection(asyncio.Protocol):
    """Its owner keeps it in `peers` and calls `check_deadline` now and then."""

    def __init__(
        self,
        app: App,
        limits: Limits,
        budget: Budget,
        peers: set["Connection"],
        count_open: Callable[[int], None],
    ) -> None:
        self._app = app
        self._limits = limits
        self._peers = peers
        self._count_open = count_open
        self._budget = budget
        self._loop = asyncio.get_running_loop()
        self._phase = Phase.IDLE
        self._request: Request | None = None  # the one that is being answered
        self._task: asyncio.Task[Reply] | None = None
        self._refusal: ServingError | None = None
        self._lingering = False
        self._ended = False  # the client has sent all that it will
        self._writable = True
        self.fresh = True  # no request of it was answered yet
        self._deadline_s = math.inf

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._peers.add(self)
        self._count_open(1)
        peer = transport.get_extra_info("peername")
        self._reader = RequestReader(self._limits, self._budget, peer[0] if peer else "")
        self._deadline_s = self._loop.time() + self._limits.idle_s

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        self._peers.discard(self)
        self._count_open(-1)
        self._reader.forget_body()
        if self._task is not None:
            self._task.cancel()

    def eof_received(self) -> bool:
        """Keep the way back open while an answer is on its way."""
        self._ended = True
        return self._task is not None or bool(self._reader.complete)

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._next()

    def data_received(self, data: bytes) -> None:
        if self._lingering or self._refusal is not None:
            return
        reader = self._reader
        try:
            reader.feed(data)
        except ServingError as error:
            self._refusal = error
            reader.forget_body()
        if self._task is None:
            self._next()
        elif len(reader.complete) > _PHASES_BEHIND:
            self._transport.pause_reading()
        if reader.phase is not self._phase:
            self._enter(reader.phase)

    # Turns

    def _enter(self, phase: Phase) -> None:
        """Start the deadline of the part of a request that is now awaited."""
        self._phase = phase
        if phase is Phase.BODY and self._reader.expects_continue and self._task is None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._task is None:
            self._deadline_s = self._loop.time() + self._patience_s()

    def _patience_s(self) -> float:
        if self._phase is Phase.HEAD:
            return self._limits.header_s
        return self._limits.body_s if self._phase is Phase.BODY else self._limits.idle_s

    def _next(self) -> None:
        """Answer the next whole request, if there is one and the client reads its replies."""
        if self._task is not None or not self._writable or self._transport.is_closing():
            return
        if self._reader.complete:
            self._request = self._reader.complete.pop(0)
            self._deadline_s = math.inf
            self._task = self._loop.create_task(self._app(self._request))
            self._task.add_done_callback(self._answered)
        elif self._refusal is not None:
            self._refuse(self._refusal)
        elif self._ended:
            self._transport.close()

    def _answered(self, task: asyncio.Task[Reply]) -> None:
        request, self._task, self._request = self._request, None, None
        if task.cancelled() or request is None or self._transport.is_closing():
            return
        reply = task.result()
        self.fresh = False
        keep_alive = request.keep_alive and not reply.closes and not self._app.draining
        self._transport.write(
            reply.encode(keep_alive=keep_alive, with_body=request.method != "HEAD")
        )
        if not keep_alive:
            self._finish()
            return
        self._deadline_s = self._loop.time() + self._patience_s()
        if self._reader.complete or self._refusal is not None or self._ended:
            self._transport.resume_reading()
            self._next()

    # Ends

    def _refuse(self, error: ServingError) -> None:
        reply = self._app.refuse(error)
        self._transport.write(reply.encode(keep_alive=False, with_body=True))
        self._finish()

    def _finish(self) -> None:
        """Close after the reply was read: closing on unread bytes would reset it away."""
        if self._ended or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._lingering = True
        self._transport.resume_reading()
        self._transport.write_eof()
        self._deadline_s = self._loop.time() + _LINGER_S

    def check_deadline(self, now_s: float) -> None:
        """Close when what is awaited did not come in time; 408 where a request has begun."""
        if now_s < self._deadline_s:
            return
        if self._lingering or self._phase is Phase.IDLE or not self._writable:
            self._transport.abort()
            return
        part = "headers" if self._phase is Phase.HEAD else "body"
        self._reader.forget_body()
        self._refusal = TooSlow(f"the {part} did not arrive within {self._patience_s():g} s")
        self._refuse(self._refusal)

    def close_if_idle(self) -> None:
        """Let go of a client that waits for nothing."""
        if self._task is None and not self._reader.complete and not self._lingering:
            self._finish()

    @property
    def busy(self) -> bool:
        """Whether an answer is owed."""
        return self._task is not None or bool(self._reader.complete)
