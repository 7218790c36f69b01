"""What came in and what goes out, whole: bodies are bounded, so nothing is streamed."""

from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from time import time
from wsgiref.handlers import format_date_time

JSON = b"application/json"
BINARY = b"application/octet-stream"

Headers = dict[bytes, bytes]  # names in lower case; repeated fields joined with ", "

_SECURITY = (
    b"x-content-type-options: nosniff\r\n"
    b"x-frame-options: DENY\r\n"
    b"referrer-policy: no-referrer\r\n"
    b"cross-origin-resource-policy: same-origin\r\n"
)
_NOTHING_LOADS = b"content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"
_NO_STORE = b"cache-control: no-store\r\n"


@dataclass(slots=True, frozen=True)
class Request:
    method: str
    path: str  # percent-decoded, without query
    query: bytes
    headers: Headers
    body: bytes
    keep_alive: bool
    client: str = ""  # address


@dataclass(slots=True, frozen=True)
class Reply:
    body: bytes
    status: int = 200
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    closes: bool = False
    policy: bytes = field(default=_NOTHING_LOADS)  # header lines for caches and browsers

    def encode(self, *, keep_alive: bool, with_body: bool) -> bytes:
        """Head and body as they go out."""
        extra = b"".join([b"%b: %b\r\n" % pair for pair in self.headers])
        return b"%bcontent-type: %b\r\ncontent-length: %d\r\ndate: %b\r\n%b%b%b%b%b\r\n%b" % (
            _status_line(self.status),
            self.content_type,
            len(self.body),
            _date(int(time())),
            _SECURITY,
            self.policy,
            b"" if self.policy is not _NOTHING_LOADS else _NO_STORE,
            extra,
            b"" if keep_alive else b"connection: close\r\n",
            self.body if with_body else b"",
        )


@lru_cache(maxsize=128)
def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


@lru_cache(maxsize=1)
def _date(now_s: int) -> bytes:
    return format_date_time(now_s).encode()
