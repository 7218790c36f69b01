"""A head that comes again, byte for byte, leads to the request that the parser would have made."""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.errors import Unauthorized
from serving.wire.budget import Budget
from serving.wire.limits import Limits
from serving.wire.messages import Headers, Request
from serving.wire.reader import RequestReader

LIMITS = Limits(body_bytes=1 << 20, header_s=1, body_s=1, idle_s=1)
HOST = b"Host: a\r\n"
ONE = b"POST /p?q=1 HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc"
OTHER_BODY = ONE[:-3] + b"\r\n\r"
OTHER_HEAD = ONE.replace(b"/p", b"/other")
LONGER = ONE.replace(b"Content-Length: 3", b"Content-Length: 30")[:-3] + bytes(range(30))
BARE = b"GET /bare HTTP/1.1\r\n" + HOST + b"\r\n"
AFTER_LINES = b"\r\n\r\n" + ONE
CHUNKED = (
    b"POST /c HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
)
MESSAGES = (ONE, OTHER_BODY, OTHER_HEAD, LONGER, BARE, AFTER_LINES, CHUNKED)


@dataclass(frozen=True)
class Target:
    """Where every head leads, or may not lead any more."""

    refusal: Unauthorized | None = None
    lasts: bool = True


ANYWHERE = Target()


def reader(targets: Iterable[Target] = (), judged: list[str] | None = None) -> RequestReader:
    following = iter(targets)

    def judge(method: str, path: str, headers: Headers) -> Target:
        if judged is not None:
            judged.append(f"{method} {path} {len(headers)}")
        return next(following, ANYWHERE)

    return RequestReader(LIMITS, Budget(1 << 20), judge)


def seen(requests: list[Request]) -> list[object]:
    return [(*one[:7], one.refusal) for one in requests]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(MESSAGES), st.integers(-20, 80)), max_size=12))
def test_any_messages_cut_anywhere_are_what_a_new_parser_reads(
    messages: list[tuple[bytes, int]],
) -> None:
    """The oracle reads each message by a reader of its own, that has seen no head before.

    Some are sent at once, some in two parts, some together with the first part of the next.
    """
    expected, kept, held = list[object](), reader(), b""
    for message, cut in messages:
        alone = reader()
        alone.feed(message)
        expected += seen(alone.complete)
        stream = held + message
        end = len(stream) if cut <= 0 else cut
        kept.feed(stream[:end])
        held = stream[end:]
    kept.feed(held)
    assert seen(kept.complete) == expected


def test_an_equal_head_is_neither_parsed_nor_judged_again() -> None:
    """Else this test's others would say nothing of it."""
    judged: list[str] = []
    kept = reader((), judged)
    for message in (ONE, ONE, OTHER_BODY, OTHER_HEAD, OTHER_HEAD):
        kept.feed(message)
    assert judged == ["POST /p 2", "POST /other 2"]
    assert [one.body for one in kept.complete] == [b"abc", b"abc", b"\r\n\r", b"abc", b"abc"]


def test_what_may_change_is_judged_each_time() -> None:
    """A key that is gone from the file refuses the next request of an open connection."""
    good, gone = Target(lasts=False), Target(Unauthorized("no more"), lasts=False)
    kept = reader([good, good, *[gone] * 9])
    for _ in range(4):
        kept.feed(ONE)
    assert [one.refusal for one in kept.complete] == [None, None, gone.refusal, gone.refusal]


@pytest.mark.parametrize("field", [b"Expect: 100-continue\r\n", b"Connection: close\r\n"])
def test_heads_after_which_something_else_may_come_are_parsed(field: bytes) -> None:
    """An invitation has to be asked for again, and after a last request nothing is read."""
    asks = ONE.replace(HOST, HOST + field)
    kept = reader((), judged := list[str]())
    for part in (asks[:-3], b"abc", asks[:-3]):
        kept.feed(part)
    is_last = b"close" in field
    assert (len(judged), kept.awaits_continue) == ((1, False) if is_last else (2, True))


def test_a_large_head_is_not_kept() -> None:
    """A connection's memory is bounded by what one request may hold, not by its last head."""
    large = ONE.replace(HOST, HOST + b"X-Large: " + b"x" * 4096 + b"\r\n")
    kept = reader((), judged := list[str]())
    kept.feed(large)
    kept.feed(large)
    assert len(judged) == 2
