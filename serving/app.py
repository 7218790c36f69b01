"""Request → Reply: routing, key, codings, and every fault as JSON. Never raises."""

import asyncio
import logging
import re
import time
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple, cast

import orjson

from serving import coding
from serving.browsers import Browsers, permission
from serving.context import Context
from serving.counts.families import REFUSALS, ROUTES, STATUSES
from serving.counts.sheet import Recorder
from serving.errors import BadRequest, ClientLeft, ServingError, Unauthorized, UnsupportedMediaType
from serving.keys import Keys
from serving.operations.access import AccessLog
from serving.operations.health import Health
from serving.operations.identifiers import identifiers
from serving.routes import Handler, Route, Routes, handler_of
from serving.wire.budget import Budget
from serving.wire.messages import Field, Headers, Reply, Request

_log = logging.getLogger("serving")

_WORTH_COMPRESSING = 1024  # bytes
_LARGE = 1 << 20  # bytes of a body that is not read where there is no room for what it holds
_TIMEOUT = b"x-request-timeout"
_SECONDS = re.compile(rb"\d{1,6}(\.\d{1,6})?")
_LEFT = Reply(b"", status=ClientLeft.status)  # for the log: nobody reads it


class Judged(NamedTuple):
    """Where a head leads: to a handler, or to a refusal."""

    route: Route
    captures: Mapping[str, str | None]
    handler: Handler | None = None
    refusal: ServingError | None = None
    lasts: bool = True  # for equal heads: no file of keys decides
    fields: tuple[Field, ...] = ()  # that the reply gets for what the head says


_NOWHERE = Route(handlers={}, label="other")
_LOST = Judged(_NOWHERE, {})


class App:
    """One worker's application."""

    def __init__(  # noqa: PLR0913 -- the parts of an application
        self,
        routes: Routes,
        health: Health,
        recorder: Recorder,
        *,
        body_limit: int,
        memory: Budget,
        keys: Keys,
        browsers: Browsers,
        access: AccessLog | None = None,
    ) -> None:
        self.routes = routes
        self._known = {
            (method, path): Judged(route, {}, handler)
            for path, route in routes.all()
            if "{" not in path
            for method, handler in route.handlers.items()
        }
        self._health = health
        self._body_limit = body_limit
        self._memory = memory
        self._keys = keys
        self._browsers = browsers
        self._access = access
        self._answered = {
            (label, int(status)): recorder.counter("requests_total", label, status)
            for label in ROUTES
            for status in STATUSES
        }
        self._seconds = {label: recorder.histogram("request_seconds", label) for label in ROUTES}
        self._refused = {
            int(status): recorder.counter("refused_total", status) for status in REFUSALS
        }

    @property
    def draining(self) -> bool:
        """Connections close after their reply."""
        return self._health.draining

    def judge(self, method: str, path: str, headers: Headers) -> Judged:
        """Find the handler, or why there is none, before any body."""
        found = self._known.get((method, path)) or self._found(method, path)
        try:
            found = self._checked(found, method, headers)
        except ServingError as error:
            found = found._replace(handler=None, refusal=error)
        fields = identifiers(headers) + self._browsers.allows(headers)
        lasts = not (found.route.guarded and self._keys.may_change)
        return found._replace(fields=fields, lasts=lasts) if fields or not lasts else found

    def _checked(self, found: Judged, method: str, headers: Headers) -> Judged:
        """Raise what Browsers and _check_head raise; who only asks for leave gets an answer."""
        self._browsers.check_host(headers)
        if method == "OPTIONS" and found.route.handlers and self._browsers.answers(headers):
            return found._replace(handler=partial(_permit, found.route), refusal=None)
        if found.refusal is None:
            self._check_head(found.route, headers)
        return found

    def _found(self, method: str, path: str) -> Judged:
        try:
            route, captures = self.routes.find(path)
        except ServingError as error:
            return Judged(_NOWHERE, {}, refusal=error)
        try:
            return Judged(route, captures, handler_of(route, method))
        except ServingError as error:
            return Judged(route, captures, refusal=error)

    def _check_head(self, route: Route, headers: Headers) -> None:
        """Raise Unauthorized, Forbidden, UnsupportedMediaType; Unavailable for a large body.

        A short one is cheaper to read than to be sent again over another connection.
        """
        if route.guarded and self._keys.asked_for and not self._keys.open(headers):
            raise Unauthorized("an API key is needed: Authorization: Bearer … or X-API-Key: …")
        if route.changes:
            self._browsers.check_origin(headers)
        if route.reads is not None:
            kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
            if kind not in route.reads:
                readable = b" or ".join(sorted(route.reads)).decode()
                raise UnsupportedMediaType(f"this path reads {readable}: say so in Content-Type")
        if b"content-encoding" in headers:
            coding.check(headers[b"content-encoding"])
        if route.room is not None and int(headers.get(b"content-length", 0)) > _LARGE:
            route.room(limited(Context(), headers))

    async def __call__(self, request: Request) -> Reply:
        started_s = time.perf_counter()
        judged = cast("Judged", request.target)
        try:
            reply = await self._answer(request, judged)
        except ServingError as error:
            reply = error_reply(error)
        except asyncio.CancelledError:
            self._record(request, judged, _LEFT, time.perf_counter() - started_s)
            raise
        except Exception:  # noqa: BLE001 -- a fault of ours: the caller gets a 500, the log the rest
            _log.exception("a request failed that should not have")
            reply = Reply(_error_body("the server failed; its log says why"), status=500)
        if judged.fields:
            reply = reply._replace(headers=(*reply.headers, *judged.fields))
        self._record(request, judged, reply, time.perf_counter() - started_s)
        return reply

    def refuse(self, error: ServingError) -> Reply:
        """Answer bytes that never became a Request."""
        reply = error_reply(error)
        self._record(None, _LOST, reply, 0.0)
        return reply

    async def _answer(self, request: Request, judged: Judged) -> Reply:
        route, handler = judged.route, judged.handler
        if request.refusal is not None:
            raise request.refusal
        if handler is None:
            raise RuntimeError("a head without a handler and without a refusal")
        if route.infers:
            self._health.admit()
        headers = request.headers
        if _TIMEOUT in headers:
            limited(request.context, headers)
        if b"content-encoding" in headers and request.body:
            reply = await self._answer_coded(request, partial(handler, **judged.captures))
        else:
            reply = await handler(request, **judged.captures)
        is_worth_it = route.compresses and len(reply.body) >= _WORTH_COMPRESSING
        if is_worth_it and b"accept-encoding" in headers:
            return await coding.compressed(reply, headers[b"accept-encoding"])
        return reply

    async def _answer_coded(self, request: Request, handler: Handler) -> Reply:
        """Count the decompressed body, too, until the reply is there."""
        name = request.headers[b"content-encoding"]
        most = min(self._body_limit, coding.most_bytes(request.body))
        await self._memory.take(most)
        held = most
        try:
            body = await coding.decompressed(request.body, name, limit=self._body_limit)
            held = len(body)
            self._memory.give_back(most - held)
            return await handler(request._replace(body=body))
        finally:
            self._memory.give_back(held)

    def _record(
        self, request: Request | None, judged: Judged, reply: Reply, seconds: float
    ) -> None:
        label, status = judged.route.label, reply.status
        self._answered[label, status].add()
        self._seconds[label].observe(seconds)
        if status in self._refused:
            self._refused[status].add()
        if self._access is not None:
            self._access.write(request, reply, seconds, judged.fields)


async def _permit(route: Route, request: Request) -> Reply:  # noqa: ARG001 -- a handler
    """Answer a browser's question whether a page of a named origin may call."""
    return Reply(b"", headers=permission(route.handlers))


def error_reply(error: ServingError) -> Reply:
    """Say what was wrong, in the caller's own connection only."""
    fields = tuple((name.lower().encode(), value.encode()) for name, value in error.headers)
    return Reply(_error_body(str(error)), error.status, headers=fields, closes=error.closes)


def limited(context: Context, headers: Headers) -> Context:
    """Take note of how many seconds the caller waits for its answer; raises BadRequest."""
    text = headers.get(_TIMEOUT)
    if text is not None:
        if not _SECONDS.fullmatch(text) or not float(text):
            raise BadRequest("X-Request-Timeout must be seconds above 0, like 0.5 or 2")
        context.limit_s = float(text)
    return context


def _error_body(text: str) -> bytes:
    return orjson.dumps({"error": text})
