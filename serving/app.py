"""Request → Reply: routing, key, codings, and every fault as JSON. Never raises."""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace

import orjson

from serving import coding
from serving.errors import ServingError, Unauthorized
from serving.keys import Key
from serving.operations.access import AccessLog
from serving.operations.health import Health
from serving.operations.metrics import ROUTES, STATUSES, Recorder
from serving.routes import Route, Routes, handler_of
from serving.wire.messages import Reply, Request

_log = logging.getLogger("serving")

_WORTH_COMPRESSING = 1024  # bytes


class App:
    """One worker's application."""

    def __init__(  # noqa: PLR0913 -- the parts of an application
        self,
        routes: Routes,
        health: Health,
        recorder: Recorder,
        *,
        body_limit: int,
        key: Key | None = None,
        access: AccessLog | None = None,
    ) -> None:
        self.routes = routes
        self._health = health
        self._body_limit = body_limit
        self._key = key
        self._access = access
        self._answered = {
            (label, int(status)): recorder.counter("requests_total", label, status)
            for label in ROUTES
            for status in STATUSES
        }
        self._seconds = {label: recorder.histogram("request_seconds", label) for label in ROUTES}
        self._refused = {
            int(status): recorder.counter("refused_total", status) for status in STATUSES[2:]
        }

    @property
    def draining(self) -> bool:
        """Connections close after their reply."""
        return self._health.draining

    async def __call__(self, request: Request) -> Reply:
        started_s = time.perf_counter()
        label = "other"
        try:
            route, captures = self.routes.find(request.path)
            label = route.label
            reply = await self._answer(request, route, captures)
        except ServingError as error:
            reply = error_reply(error)
        except Exception:  # noqa: BLE001 -- a fault of ours: the caller gets a 500, the log the rest
            _log.exception("a request failed that should not have")
            reply = Reply(_error_body("the server failed; its log says why"), status=500)
        self._record(request, label, reply, time.perf_counter() - started_s)
        return reply

    def refuse(self, error: ServingError) -> Reply:
        """Answer bytes that never became a Request."""
        reply = error_reply(error)
        self._record(None, "other", reply, 0.0)
        return reply

    async def _answer(
        self, request: Request, route: Route, captures: Mapping[str, str | None]
    ) -> Reply:
        handler = handler_of(route, request)
        if route.guarded and self._key is not None and not self._key.opens(request.headers):
            raise Unauthorized("an API key is needed: Authorization: Bearer … or X-API-Key: …")
        if route.infers:
            self._health.admit()
        headers = request.headers
        if b"content-encoding" in headers and request.body:
            body = await coding.decompressed(
                request.body, headers[b"content-encoding"], limit=self._body_limit
            )
            request = replace(request, body=body)
        reply = await handler(request, **captures)
        if b"accept-encoding" in headers and (
            route.infers or len(reply.body) >= _WORTH_COMPRESSING
        ):
            return await coding.compressed(reply, headers[b"accept-encoding"])
        return reply

    def _record(self, request: Request | None, label: str, reply: Reply, seconds: float) -> None:
        self._answered[label, reply.status].add()
        self._seconds[label].observe(seconds)
        if reply.status in self._refused:
            self._refused[reply.status].add()
        if self._access is not None:
            self._access.write(request, reply, seconds)


def error_reply(error: ServingError) -> Reply:
    """Say what was wrong, in the caller's own connection only."""
    fields = tuple((name.lower().encode(), value.encode()) for name, value in error.headers)
    return Reply(_error_body(str(error)), error.status, headers=fields, closes=error.closes)


def _error_body(text: str) -> bytes:
    return orjson.dumps({"error": text})
