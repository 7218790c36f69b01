"""One call from its metadata to its status: key, deadline, memory, counts, log; never raises.

A method that takes one message is served as one that takes a stream, which on the wire is the
same: so key, readiness and the head's deadline are looked at before the message is read, and the
message itself has a time to arrive.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

import grpc
from google.protobuf.message import DecodeError, Message

from serving.app import Judged, limited
from serving.context import Context
from serving.counts.families import STATUSES
from serving.counts.sheet import Recorder
from serving.errors import BadRequest, ClientLeft, ServingError, TooSlow, Unauthorized
from serving.grpc.messages import message
from serving.grpc.statuses import code_of, metadata_of
from serving.keys import Keys
from serving.operations.access import AccessLog
from serving.operations.health import Health
from serving.operations.identifiers import identifiers
from serving.routes import Route
from serving.wire.budget import Budget
from serving.wire.messages import Headers, Reply, Request

_log = logging.getLogger("serving")

_AT_ONCE_BYTES = 1 << 20  # of a message that is parsed on the event loop
_FAILED = "the server failed; its log says why"
_NOWHERE = Judged(Route(handlers={}, label="other"), {})

Answer = Callable[[Message, Context], Awaitable[Message]]


@dataclass(slots=True, frozen=True, kw_only=True)
class Method:
    """`path`: /SERVICE/METHOD; `label`: in metrics."""

    path: str
    label: str
    request: str  # its message's full name
    answer: Answer
    guarded: bool = False
    infers: bool = False  # new work, refused while draining


class Calls:
    """What all calls of one worker go through."""

    def __init__(  # noqa: PLR0913 -- the parts of it
        self,
        health: Health,
        recorder: Recorder,
        *,
        keys: Keys,
        memory: Budget,
        access: AccessLog | None,
        body_s: float,
    ) -> None:
        self._health = health
        self._recorder = recorder
        self._keys = keys
        self._memory = memory
        self._access = access
        self._body_s = body_s

    async def serve(self, method: Method, rpc: grpc.aio.ServicerContext) -> bytes:
        """Give the serialized response; empty behind a status that is not OK."""
        started_s, context = time.perf_counter(), Context()
        headers = _headers(rpc)
        status, content = 500, b""
        try:
            content = await self._answer(method, rpc, context, headers)
            status = 200
        except ServingError as error:
            status = error.status
            _refuse(rpc, code_of(error), str(error), metadata_of(error))
        except asyncio.CancelledError:
            status = ClientLeft.status
            raise
        except Exception:  # noqa: BLE001 -- a fault of ours: the caller gets INTERNAL, the log the rest
            _log.exception("a call failed that should not have")
            _refuse(rpc, grpc.StatusCode.INTERNAL, _FAILED, ())
        finally:
            seconds = time.perf_counter() - started_s
            self._record(method, rpc, context, headers, status, content, seconds)
        return content

    async def _answer(
        self, method: Method, rpc: grpc.aio.ServicerContext, context: Context, headers: Headers
    ) -> bytes:
        if method.guarded and self._keys.asked_for and not self._keys.open(headers):
            raise Unauthorized("an API key is needed, as metadata: authorization or x-api-key")
        if method.infers:
            self._health.admit()
        limited(context, headers)
        remaining_s = rpc.time_remaining()
        if remaining_s is not None:
            context.limit_s = min(context.limit_s, remaining_s)
        content = await self._received(rpc)
        await self._memory.take(len(content))
        try:
            request = await _parsed(method.request, content)
            response = await method.answer(request, context)
            written: bytes = response.SerializeToString()
        finally:
            self._memory.give_back(len(content))
        return written

    async def _received(self, rpc: grpc.aio.ServicerContext) -> bytes:
        try:
            content = await asyncio.wait_for(rpc.read(), self._body_s)
        except TimeoutError:
            raise TooSlow(f"the message did not arrive within {self._body_s:g} s") from None
        if not isinstance(content, bytes):
            raise BadRequest("the call ended without a message")
        return content

    def _record(  # noqa: PLR0913, PLR0917 -- what is known of a call
        self,
        method: Method,
        rpc: grpc.aio.ServicerContext,
        context: Context,
        headers: Headers,
        status: int,
        content: bytes,
        seconds: float,
    ) -> None:
        shown = str(status)
        self._recorder.counter("requests_total", method.label, shown).add()
        self._recorder.histogram("request_seconds", method.label).observe(seconds)
        if shown in STATUSES and status not in _NOT_REFUSED:
            self._recorder.counter("refused_total", shown).add()
        if self._access is not None:
            request = Request(
                "POST", method.path, b"", headers, b"", True, _client(rpc), _NOWHERE, context,  # noqa: FBT003 -- a tuple's fields
            )  # fmt: skip
            self._access.write(request, Reply(content, status), seconds, identifiers(headers))


_NOT_REFUSED = {200, ClientLeft.status}


async def _parsed(name: str, content: bytes) -> Message:
    try:
        if len(content) <= _AT_ONCE_BYTES:
            return message(name).FromString(content)
        return await asyncio.to_thread(message(name).FromString, content)
    except DecodeError:
        raise BadRequest(f"the message is no {name}") from None


def _refuse(
    rpc: grpc.aio.ServicerContext,
    code: grpc.StatusCode,
    text: str,
    metadata: tuple[tuple[str, str], ...],
) -> None:
    rpc.set_code(code)
    rpc.set_details(text)
    if metadata:
        rpc.set_trailing_metadata(metadata)


def _headers(rpc: grpc.aio.ServicerContext) -> Headers:
    pairs = rpc.invocation_metadata() or ()
    return {name.encode(): text.encode() for name, text in pairs if isinstance(text, str)}


def _client(rpc: grpc.aio.ServicerContext) -> str:
    """ipv4:127.0.0.1:5000, ipv6:%5B::1%5D:5000 → the address."""
    address = unquote(rpc.peer()).partition(":")[2].rpartition(":")[0]
    return address.strip("[]").removeprefix("::ffff:")
