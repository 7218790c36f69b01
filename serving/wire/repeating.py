"""A client that keeps its connection repeats its head, byte for byte: what it led to is known.

The parser is a function of a message's bytes, so equal heads need not be parsed again: for a small
request that took longer than anything else before its run.
"""

from collections.abc import Callable

from serving.context import Context
from serving.wire.messages import Headers, Request, Target

_MOST_BYTES = 2048  # of a head that is kept for as long as its connection
_MOST_BODY = 1 << 20  # bytes: where a larger one leads depends on what else is to be done
_VARIES = frozenset({b"expect", b"transfer-encoding"})  # what follows is another thing each time

Judge = Callable[[str, str, Headers], Target]  # of method, path and header fields


class Known:
    """A head as it came, the length of the body behind it, and what the parser made of it."""

    __slots__ = ("_first", "_target", "head", "length")

    def __init__(self, head: bytes, first: Request) -> None:
        self.head = head
        self.length = len(first.body)
        self._first = first._replace(body=b"")
        self._target = first.target

    def begin(self, judge: Judge) -> bool:
        """Whether it still leads to where it did; keys may have changed."""
        if not self._target.lasts:
            self._target = judge(self._first.method, self._first.path, self._first.headers)
        return self._target.refusal is None

    def request(self, body: bytes) -> Request:
        method, path, query, headers, _, _, client, *_ = self._first
        return Request(method, path, query, headers, body, True, client, self._target, Context())  # noqa: FBT003 -- by place, for each request


class Watch:
    """Finds out which of the bytes that the parser was fed are one request's head."""

    __slots__ = ("_fed_bytes", "_head")

    def begin(self, data: bytes) -> None:
        """Take note of where a request begins; its bytes will be fed."""
        self._head = data[: data.find(b"\r\n\r\n", 0, _MOST_BYTES) + 4]
        self._fed_bytes = 0

    def add(self, count: int) -> None:
        self._fed_bytes += count

    def known(self, request: Request) -> Known | None:
        """Give its head, where what was fed is this and the body, and nothing in it may vary."""
        if len(self._head) + len(request.body) != self._fed_bytes:
            return None
        is_large = len(request.body) > _MOST_BODY
        if is_large or request.refusal is not None or not request.keep_alive:
            return None
        return None if _VARIES & request.headers.keys() else Known(self._head, request)
