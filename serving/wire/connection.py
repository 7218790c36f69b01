"""One client's connection: requests in turn, replies in order, deadlines, a polite end."""

import asyncio
import math
from collections.abc import Callable
from typing import cast

from serving.errors import ServingError, Unavailable
from serving.wire.application import App
from serving.wire.budget import Budget, Turn
from serving.wire.limits import Limits, Phase
from serving.wire.messages import Reply, Request
from serving.wire.reader import RequestReader

_MAPPED = "::ffff:"  # before an IPv4 address where one socket takes both families
_LINGER_S = 2.0  # without a byte from a refused sender, whose bytes are read and thrown away
_GONE_S = 1.0  # after its end of sending, a client may still read: what runs soon is answered
_REQUESTS_AHEAD = 16  # pipelined behind the one that is answered: more are left in the socket
_BYTES_AHEAD = 64 << 10  # of their bodies


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
        self._ended, self._gone_s = False, math.inf  # its end was sent; what waits is given up then
        self._writable = self._reading = True
        self._unsent_bytes = 0  # of replies that the client does not read just now
        self._turn: Turn | None = None  # in the line for memory
        self.fresh = True  # no request of it was answered yet
        self._deadline_s = self._linger_end_s = math.inf

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._peers.add(self)
        self._count_open(1)
        client = (transport.get_extra_info("peername") or ("",))[0].removeprefix(_MAPPED)
        self._reader = RequestReader(self._limits, self._budget, self._app.judge, client)
        self._deadline_s = self._loop.time() + self._limits.idle_s

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        self._peers.discard(self)
        self._count_open(-1)
        self._forget_body()
        ahead_bytes = sum(len(request.body) for request in self._reader.complete)
        self._reader.complete.clear()
        self._budget.give_back(ahead_bytes + self._unsent_bytes)
        self._unsent_bytes = 0
        if self._task is not None:
            self._task.cancel()

    def eof_received(self) -> bool:
        """Keep the way back open while an answer is on its way."""
        self._ended, self._gone_s = True, self._loop.time() + _GONE_S
        return self._task is not None or bool(self._reader.complete)

    def pause_writing(self) -> None:
        self._writable = False
        self._unsent_bytes = self._transport.get_write_buffer_size()
        self._budget.take_anyway(self._unsent_bytes)

    def resume_writing(self) -> None:
        self._writable = True
        self._budget.give_back(self._unsent_bytes)
        self._unsent_bytes = 0
        self._next()
        self._regulate()

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            self._deadline_s = min(self._loop.time() + _LINGER_S, self._linger_end_s)
            return
        if self._refusal is not None:
            return
        reader = self._reader
        try:
            reader.feed(data)
        except ServingError as error:
            self._refusal = error
            self._forget_body()
        if self._task is None:
            self._next()
        if reader.phase is not self._phase:
            self._enter(reader.phase)
        if reader.complete or reader.body.wanting_bytes or reader.awaits_continue:
            self._regulate()

    def _regulate(self) -> None:
        """Read on, stand in line for memory, or leave the rest in the socket."""
        reader = self._reader
        if self._lingering or self._transport.is_closing():
            return
        owes = self._task is not None or not self._writable
        if reader.body.wanting_bytes:
            self._read(on=False)
            if not (owes or reader.complete or self._turn):
                self._stand_in_line()
        elif reader.complete and owes and self._is_far_ahead():
            self._read(on=False)
        else:
            self._read(on=True)
            if reader.awaits_continue:
                self._invite()

    def _is_far_ahead(self) -> bool:
        waiting = self._reader.complete
        held_bytes = sum(len(request.body) for request in waiting)
        return len(waiting) > _REQUESTS_AHEAD or held_bytes > _BYTES_AHEAD

    def _read(self, *, on: bool) -> None:
        if on is not self._reading:
            self._reading = on
            if on:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def _stand_in_line(self) -> None:
        count = self._reader.body.wanting_bytes
        if self._budget.try_take(count):
            self._reader.body.grant(count)
            self._regulate()
            return
        self._turn = self._budget.wait(count, self._granted)
        self._deadline_s = self._loop.time() + min(self._budget.patience_s, self._limits.body_s / 2)

    def _granted(self) -> None:
        if self._turn is not None:
            self._reader.body.grant(self._turn.count)
            self._turn = None
            self._deadline_s = self._loop.time() + self._limits.patience_s(self._phase)
            self._regulate()

    def _forget_body(self) -> None:
        if self._turn is not None:
            turn, self._turn = self._turn, None
            self._budget.leave(turn)
        self._reader.body.forget()

    def _enter(self, phase: Phase) -> None:
        """Start the deadline of the part of a request that is now awaited."""
        self._phase = phase
        if self._task is None:
            self._deadline_s = self._loop.time() + self._limits.patience_s(self._phase)

    def _invite(self) -> None:
        """Ask for the body that is held back, when everything before it is answered."""
        if self._task is None and not self._reader.complete and self._refusal is None:
            self._reader.awaits_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

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
        if request is None:
            return
        self._budget.give_back(len(request.body))
        if task.cancelled() or self._transport.is_closing():
            return
        reply = task.result()
        self.fresh = False
        keep_alive = request.keep_alive and not reply.closes and not self._app.draining
        self._transport.writelines(
            reply.encode(keep_alive=keep_alive, with_body=request.method != "HEAD")
        )
        if not keep_alive:
            self._finish()
            return
        self._deadline_s = self._loop.time() + self._limits.patience_s(self._phase)
        if self._reader.complete or self._refusal is not None or self._ended:
            self._next()
        if not self._reading or self._reader.body.wanting_bytes or self._reader.awaits_continue:
            self._regulate()

    def _refuse(self, error: ServingError) -> None:
        self._transport.writelines(self._app.refuse(error).encode(keep_alive=False))
        self._finish()

    def _finish(self) -> None:
        """Close after the reply was read: closing on unread bytes would reset it away."""
        if self._ended or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._lingering = True
        self._forget_body()
        self._read(on=True)
        self._transport.write_eof()
        self._deadline_s = self._loop.time() + _LINGER_S
        self._linger_end_s = self._loop.time() + self._limits.body_s

    def check_deadline(self, now_s: float) -> None:
        """Close when what is awaited did not come in time; 408 where a request has begun."""
        if now_s >= self._gone_s and self._request is not None:
            self._request.context.leave()  # or half closed: TCP does not tell
        if now_s < self._deadline_s:
            return
        if self._lingering or self._phase is Phase.IDLE or not self._writable:
            self._transport.abort()
            return
        if self._reader.throws_away:  # it has its answer
            self._finish()
            return
        if self._turn is not None:
            self._refusal = Unavailable("too many bodies are arriving at once: try again later")
        else:
            self._refusal = self._limits.too_slow(self._phase)
        self._refuse(self._refusal)

    def close_if_idle(self) -> None:
        """Let go of a client that waits for nothing."""
        if self._task is None and not self._reader.complete and not self._lingering:
            self._finish()

    @property
    def busy(self) -> bool:
        """Whether an answer is owed."""
        return self._task is not None or bool(self._reader.complete)
