"""One JSON line for each request, written in bundles so that it costs a microsecond."""

import asyncio
import time
from collections.abc import Iterable

import orjson

from serving.operations.lines import Lines
from serving.operations.proxies import Proxies
from serving.wire.messages import Field, Reply, Request

_FLUSH_S = 0.05
_BUNDLE_LINES = 512
_LONGEST = 256  # characters of what a caller chose: a line stays below what is written at once
_NAMES = {b"x-request-id": "request_id", b"traceparent": "traceparent"}
_RETRY_S = 0.25  # of what found no room


class AccessLog:
    """Belongs to the running event loop."""

    def __init__(self, out: Lines, proxies: Proxies) -> None:
        self._out = out
        self._proxies = proxies
        self._lines: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None

    def write(
        self, request: Request | None, reply: Reply, seconds: float, fields: Iterable[Field]
    ) -> None:
        """`request` is None for bytes that never became one; `fields`: echoed from its head."""
        line: dict[str, object] = {
            "time": round(time.time(), 3),
            "client": None,
            "method": None,
            "path": None,
            "status": reply.status,
            "ms": round(seconds * 1000, 3),
            "bytes": len(reply.body),
        }
        if request is not None:
            self._add(line, request, fields)
        self._lines.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        if len(self._lines) == 1:
            self._loop.call_later(_FLUSH_S, self.flush)
        elif len(self._lines) == _BUNDLE_LINES:
            self.flush()

    def _add(self, line: dict[str, object], request: Request, fields: Iterable[Field]) -> None:
        headers, context = request.headers, request.context
        line["client"] = self._proxies.client_of(request.client, headers)
        line["method"] = request.method
        line["path"] = request.path[:_LONGEST]
        if b"user-agent" in headers:
            line["user_agent"] = headers[b"user-agent"][:_LONGEST].decode("latin-1")
        for name, text in fields:
            if name in _NAMES:
                line[_NAMES[name]] = text.decode()
        if context.version:
            line["version"] = context.version
        if context.images:
            line["images"] = context.images
            line["queue_ms"] = round(context.queue_s * 1000, 3)
            line["run_ms"] = round(context.run_s * 1000, 3)
        if context.unknown:
            line["unknown"] = context.unknown

    def flush(self) -> None:
        all_out = self._out.put(self._lines)
        self._lines.clear()
        if not all_out and self._retry is None:
            self._retry = self._loop.call_later(_RETRY_S, self._again)

    def _again(self) -> None:
        self._retry = None
        self.flush()
