"""Bytes of one connection → Requests; refuses whatever is too large, ambiguous or malformed."""

from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

import httptools

from serving.errors import BadRequest, HeadersTooLarge, ServingError, TooLarge, UriTooLong
from serving.wire.budget import Budget
from serving.wire.messages import Headers, Request

_URL_BYTES = 8 << 10
_HEAD_BYTES = 32 << 10
_HEAD_LINES = 100

# Fields of which a second one would leave open which of them counts.
_ONCE = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"content-type", b"content-encoding"}
    | {b"inference-header-content-length", b"authorization", b"x-api-key", b"expect"}
)


class Phase(Enum):
    """Where in a request the connection stands."""

    IDLE = 0
    HEAD = 1
    BODY = 2


@dataclass(slots=True, frozen=True, kw_only=True)
class Limits:
    body_bytes: int
    all_bodies_bytes: int
    header_s: float
    body_s: float
    idle_s: float


class RequestReader:
    """Feed it; whole requests gather in `complete`.

    After an error nothing of the connection can be read any more: answer, then close.
    """

    def __init__(self, limits: Limits, budget: Budget, client: str = "") -> None:
        self.complete: list[Request] = []
        self.phase = Phase.IDLE
        self.expects_continue = False
        self._body_limit = limits.body_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._client = client
        self._budget = budget
        self._over = False
        self._start()

    def _start(self) -> None:
        self._url = b""
        self._headers: Headers = {}
        self._head_bytes = 0
        self._head_lines = 0
        self._is_old = False
        self._held_bytes = 0  # fed since the head began
        self._body: bytes | bytearray = b""

    def feed(self, data: bytes) -> None:
        """Raise the ServingError that the caller must read before the connection closes."""
        if self._over:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._over = True  # we speak HTTP/1.1 only: answer this request, then close
        except httptools.HttpParserCallbackError as error:
            self._over = True
            cause = error.__context__
            raise cause if isinstance(cause, ServingError) else error from None
        except httptools.HttpParserError:
            if self._over:
                return  # bytes after a request that asked to close
            self._over = True
            raise BadRequest(
                "the request is not valid HTTP/1.1, or its length is ambiguous "
                "(one Content-Length, or Transfer-Encoding: chunked, never both)"
            ) from None
        if self.phase is Phase.HEAD:
            self._held_bytes += len(data)
            if self._held_bytes > _HEAD_BYTES + _URL_BYTES:
                raise _head_too_large()

    # Callbacks of httptools, in their order.

    def on_message_begin(self) -> None:
        self._start()
        self.phase = Phase.HEAD

    def on_url(self, part: bytes) -> None:
        self._url += part
        if len(self._url) > _URL_BYTES:
            raise UriTooLong(f"the URL is longer than {_URL_BYTES} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + 4
        self._head_lines += 1
        if self._head_bytes > _HEAD_BYTES or self._head_lines > _HEAD_LINES:
            raise _head_too_large()
        if self.phase is Phase.BODY:
            return  # a trailer: bounded, and never trusted as a header
        name = name.lower()
        if name not in self._headers:
            self._headers[name] = value
        elif name in _ONCE:
            raise BadRequest(f"the field {name.decode()} is given twice: give it once")
        else:
            self._headers[name] += b", " + value

    def on_headers_complete(self) -> None:
        headers = self._headers
        self._is_old = self._parser.get_http_version() != "1.1"
        if b"host" not in headers and not self._is_old:
            raise BadRequest("the request has no Host field: HTTP/1.1 asks for one")
        length = headers.get(b"content-length")
        if b"transfer-encoding" in headers:
            if length is not None:
                raise BadRequest("Content-Length together with Transfer-Encoding: give one of them")
            if headers[b"transfer-encoding"].lower() != b"chunked":
                raise BadRequest("a transfer coding other than chunked: send chunked or a length")
        elif length is not None and int(length) > self._body_limit:
            raise self._body_too_large()
        self.expects_continue = headers.get(b"expect", b"").lower() == b"100-continue"
        self.phase = Phase.BODY

    def on_body(self, part: bytes) -> None:
        if len(self._body) + len(part) > self._body_limit:
            raise self._body_too_large()
        self._budget.take(len(part))
        if not self._body:
            self._body = part
            return
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)  # not a list: a million tiny chunks would bloat it
        self._body += part

    def on_message_complete(self) -> None:
        path, _, query = self._url.partition(b"?")
        keep_alive: bool = self._parser.should_keep_alive()
        # HTTP/1.0's keep-alive would have to be confirmed in the reply: not worth it
        self._over = not keep_alive or self._is_old or self._parser.should_upgrade()
        self.complete.append(
            Request(
                self._parser.get_method().decode(),
                _path(path),
                query,
                self._headers,
                bytes(self._body),
                not self._over,
                self._client,
            )
        )
        self.phase = Phase.IDLE
        self.expects_continue = False
        self.forget_body()

    def forget_body(self) -> None:
        """Let go of what came of a body: it is whole, or nobody waits for the rest."""
        self._budget.give_back(len(self._body))
        self._body = b""

    def _body_too_large(self) -> ServingError:
        return TooLarge(f"the body is larger than {self._body_limit} bytes")


def _path(raw: bytes) -> str:
    """Decode the path; an absolute URL (as sent to proxies) loses its scheme and host."""
    if not raw.startswith(b"/") and b"://" in raw:
        raw = b"/" + raw.partition(b"://")[2].partition(b"/")[2]
    text = raw.decode("latin-1")
    return unquote(text) if "%" in text else text


def _head_too_large() -> ServingError:
    return HeadersTooLarge(
        f"the headers are larger than {_HEAD_BYTES} bytes or have more than {_HEAD_LINES} lines"
    )
