"""One JSON line for each request, written in bundles so that it costs a microsecond."""

import asyncio
import os
import time

import orjson

from serving.wire.messages import Reply, Request

_FLUSH_S = 0.05
_BUNDLE_LINES = 512


class AccessLog:
    """Lines go to a file descriptor, by default that of standard error."""

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._loop = asyncio.get_running_loop()

    def write(self, request: Request | None, reply: Reply, seconds: float) -> None:
        """`request` is None for bytes that never became one."""
        self._lines.append(
            orjson.dumps(
                {
                    "time": round(time.time(), 3),
                    "client": request.client if request else None,
                    "method": request.method if request else None,
                    "path": request.path if request else None,
                    "status": reply.status,
                    "ms": round(seconds * 1000, 3),
                    "bytes": len(reply.body),
                },
                option=orjson.OPT_APPEND_NEWLINE,
            )
        )
        if len(self._lines) == 1:
            self._loop.call_later(_FLUSH_S, self.flush)
        elif len(self._lines) == _BUNDLE_LINES:
            self.flush()

    def flush(self) -> None:
        rest = b"".join(self._lines)
        self._lines.clear()
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except OSError:
                return  # nobody reads the log: serving goes on
