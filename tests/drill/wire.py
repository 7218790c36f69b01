"""List 4 of the interface: requests that lie about their own length."""

import gzip
from collections.abc import Iterator

from tests.drill.bodies import Blow
from tests.drill.client import RAW, Subject
from tests.drill.pictures import BAD, LARGE

HIDDEN = b"0\r\n\r\nGET /v2 HTTP/1.1\r\nHost: hidden\r\n\r\n"
LONG_URL, LONG_HEAD = 414, 431


def blows(subject: Subject) -> Iterator[Blow]:
    """Yield requests after which the connection must close; none may smuggle another in."""
    for what, fields, body, status in _lies(subject):
        head = subject.target.head(f"POST {subject.infer}", fields)
        yield Blow(4, what, head + body, frozenset({status}), closes=True)
    target = subject.target
    long = target.head("GET /" + "a" * 9000)
    yield Blow(4, "URL of 9 KB", long, frozenset({LONG_URL}), closes=True)
    fat = target.head("GET /v2", b"X: " + b"a" * 40_000 + b"\r\n")
    yield Blow(4, "headers of 40 KB", fat, frozenset({LONG_HEAD}), closes=True)
    many = target.head("GET /v2", b"X: y\r\n" * 150)
    yield Blow(4, "150 header lines", many, frozenset({LONG_HEAD}), closes=True)
    bomb = gzip.compress(bytes(subject.limits["body_limit"] + 1))
    sent = target.request("/predict", bomb, {**RAW, "Content-Encoding": "gzip"})
    yield Blow(4, f"gzip bomb of {len(bomb)} bytes", sent, frozenset({LARGE}), closes=True)
    cut = target.request("/predict", bomb[:99], {**RAW, "Content-Encoding": "gzip"})
    yield Blow(4, "gzip, cut", cut, frozenset({BAD}))


def _lies(subject: Subject) -> Iterator[tuple[str, bytes, bytes, int]]:
    limit = subject.limits["body_limit"]
    chunked = b"Transfer-Encoding: chunked\r\n"
    yield "both lengths", b"Content-Length: 4\r\n" + chunked, HIDDEN, BAD
    yield "both lengths, turned", chunked + b"Content-Length: 4\r\n", HIDDEN, BAD
    yield "two lengths", b"Content-Length: 4\r\nContent-Length: 5\r\n", HIDDEN, BAD
    yield "negative length", b"Content-Length: -4\r\n", HIDDEN, BAD
    yield "bad chunk size", chunked, b"xyz\r\n", BAD
    yield "length over the limit", b"Content-Length: %d\r\n" % (limit + 1), b"", LARGE
    chunk = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
    yield "chunks past the limit", chunked, chunk * (limit // (1 << 16) + 2), LARGE
