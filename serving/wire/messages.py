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

Field = tuple[bytes, bytes]
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

    @property
    def lasts(self) -> bool:
        """Whether the same head leads there for as long as the server runs."""


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
    headers: tuple[Field, ...] = ()
    closes: bool = False
    policy: bytes = _NOTHING_LOADS  # header lines for caches and browsers

    def encode(
        self, *, keep_alive: bool, with_body: bool = True
    ) -> tuple[bytes] | tuple[bytes, bytes | bytearray]:
        """Head and body as they go out; a large body is not copied behind its head."""
        body = self.body
        apart = with_body and len(body) > _COPIED_BYTES
        extra = b"".join([b"%b: %b\r\n" % pair for pair in self.headers]) if self.headers else b""
        head = b"%b%d\r\n%b\r\n%b" % (
            _start(self.status, self.content_type, self.policy, keep_alive, int(time())),
            len(body),
            extra,
            bytes(body) if with_body and not apart else b"",
        )
        return (head, body) if apart else (head,)


@lru_cache(maxsize=64)
def _start(
    status: int,
    content_type: bytes,
    policy: bytes,
    keep_alive: bool,  # noqa: FBT001 -- for each reply, and the cache takes longer with names
    now_s: int,
) -> bytes:
    """A head up to its content-length: the same for all replies of a kind in one second."""
    phrase = HTTPStatus(status).phrase if status in _KNOWN else "Client Closed Request"
    return b"%bcontent-type: %b\r\ndate: %b\r\n%b%b%b%bcontent-length: " % (
        f"HTTP/1.1 {status} {phrase}\r\n".encode(),
        content_type,
        format_date_time(now_s).encode(),
        _SECURITY,
        policy,
        b"" if policy is not _NOTHING_LOADS else _NO_STORE,
        b"" if keep_alive else b"connection: close\r\n",
    )
