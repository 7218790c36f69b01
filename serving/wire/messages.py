"""What came in and what goes out, whole: bodies are bounded, so nothing is streamed."""

from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import NamedTuple, Protocol
from wsgiref.handlers import format_date_time

from serving.context import Context
from serving.errors import ServingError

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
_COPIED_BYTES = 64 << 10
_KNOWN = {status.value for status in HTTPStatus}  # 499 is not among them
_NO_STORE = b"cache-control: no-store\r\n"


class Target(Protocol):
    """Where a head leads, as the application judged it before any body."""

    @property
    def refusal(self) -> ServingError | None:
        """Why it leads nowhere."""


class Request(NamedTuple):
    """One request, whole; or a refused one, whose body nobody waits for."""

    method: str
    path: str  # percent-decoded, without query
    query: bytes
    headers: Headers
    body: bytes  # counted in the budget until the reply is out
    keep_alive: bool
    client: str  # address
    target: Target
    context: Context
    refusal: ServingError | None = None  # what the reply will be: decided at the head


class Reply(NamedTuple):
    body: bytes | bytearray
    status: int = 200
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    closes: bool = False
    policy: bytes = _NOTHING_LOADS  # header lines for caches and browsers

    def encode(
        self, *, keep_alive: bool, with_body: bool = True
    ) -> tuple[bytes] | tuple[bytes, bytes | bytearray]:
        """Head and body as they go out; a large body is not copied behind its head."""
        apart = with_body and len(self.body) > _COPIED_BYTES
        extra = b"".join([b"%b: %b\r\n" % pair for pair in self.headers])
        head = b"%bcontent-type: %b\r\ncontent-length: %d\r\ndate: %b\r\n%b%b%b%b%b\r\n%b" % (
            _status_line(self.status),
            self.content_type,
            len(self.body),
            _date(int(time())),
            _SECURITY,
            self.policy,
            b"" if self.policy is not _NOTHING_LOADS else _NO_STORE,
            extra,
            b"" if keep_alive else b"connection: close\r\n",
            bytes(self.body) if with_body and not apart else b"",
        )
        return (head, self.body) if apart else (head,)


@lru_cache(maxsize=128)
def _status_line(status: int) -> bytes:
    phrase = HTTPStatus(status).phrase if status in _KNOWN else "Client Closed Request"
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


@lru_cache(maxsize=1)
def _date(now_s: int) -> bytes:
    return format_date_time(now_s).encode()
