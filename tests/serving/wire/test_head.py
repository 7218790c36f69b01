"""What a head alone decides, before any body: refusals, and what becomes of the connection."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.serving.live import Server, serving
from tests.serving.wire.raw_http import RawClient, head

KEY = "X-API-Key: s3cret"
RAW = "Content-Type: application/octet-stream"
INFER = "/v2/models/digits-classifier/infer"
GOOD = head("/predict", KEY, RAW, "Content-Length: 784") + bytes(784)
SHORT, LONG = 64 << 10, (64 << 10) + 1  # of a body that is thrown away, and of one that is not


@pytest.fixture(scope="module")
def guarded(tiny_model: Path) -> Iterator[Server]:
    """Give a server that asks for a key."""
    with serving("--model", str(tiny_model), SERVING_API_KEY="s3cret") as running:
        yield running


REFUSED = [
    ("/predict", (RAW,), 401),
    ("/predict", ("X-API-Key: wrong", RAW), 401),
    ("/feedback", (), 401),
    ("/nowhere", (KEY,), 404),
    ("/metrics", (KEY,), 405),
    ("/invocations", (KEY, RAW), 415),
    ("/feedback", (KEY, "Content-Type: text/plain"), 415),
    (INFER, (KEY, "Content-Encoding: br"), 415),
]


@pytest.mark.parametrize(("path", "fields", "status"), REFUSED)
def test_a_refusal_does_not_wait_for_the_body(
    guarded: Server, path: str, fields: tuple[str, ...], status: int
) -> None:
    """It comes with the head; a short body is thrown away, and the connection goes on."""
    with RawClient(guarded) as client:
        client.send(head(path, *fields, f"Content-Length: {SHORT}"))
        answer = client.reply()
        assert (answer.status, set(answer.json)) == (status, {"error"})
        assert "connection" not in answer.headers
        for _ in range(3):
            client.send(bytes(SHORT - 1))
            client.send(b"x" + GOOD + head(path, *fields, f"Content-Length: {SHORT}"))
            assert (client.reply().status, client.reply().status) == (200, status)


@pytest.mark.parametrize(("path", "fields", "status"), REFUSED)
@pytest.mark.parametrize("length", [f"Content-Length: {LONG}", "Transfer-Encoding: chunked"])
def test_a_long_body_is_not_taken_in(
    guarded: Server, path: str, fields: tuple[str, ...], status: int, length: str
) -> None:
    """The reply says that the connection closes; whoever sends on is never reset."""
    with RawClient(guarded) as client:
        client.send(head(path, *fields, length))
        for _ in range(80):
            client.send(bytes(1 << 16))  # more than the kernel's buffers hold
        answer = client.reply()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        assert client.ends()


def test_a_body_over_the_limit_is_refused_at_the_head(guarded: Server) -> None:
    """413 before the body, with no 100; a caller without a key learns of the key alone."""
    length = f"Content-Length: {64 << 20}"
    for fields, status in (((KEY,), 413), ((), 401)):
        with RawClient(guarded) as client:
            client.send(head("/predict", *fields, RAW, length, "Expect: 100-continue"))
            answer = client.reply()
            assert (answer.status, answer.headers["connection"]) == (status, "close")
            assert client.ends()


def test_who_asks_before_sending_is_told_no(guarded: Server) -> None:
    """No 100 Continue, the refusal instead; then the end, for a body may follow or not."""
    with RawClient(guarded) as client:
        client.send(head("/predict", RAW, "Content-Length: 784", "Expect: 100-continue"))
        answer = client.reply()
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        assert client.ends()


def test_continue_is_said_to_the_second_request_of_a_pipeline(guarded: Server) -> None:
    """After the first one's reply, and not before; also to a third one behind them."""
    asks = head("/predict", KEY, RAW, "Content-Length: 784", "Expect: 100-continue")
    with RawClient(guarded) as client:
        client.send(GOOD + asks)
        assert [client.reply().status, client.reply().status] == [200, 100]
        client.send(bytes(784) + asks)
        assert [client.reply().status, client.reply().status] == [200, 100]
        client.send(bytes(784))
        assert client.reply().status == 200


def test_no_continue_for_a_body_that_has_come(guarded: Server) -> None:
    """Who sends at once needs no invitation; nor does HTTP/1.0, which does not know it."""
    asks = head("/predict", KEY, RAW, "Content-Length: 784", "Expect: 100-continue")
    with RawClient(guarded) as client:
        client.send(asks + bytes(784))
        assert client.reply().status == 200
    with RawClient(guarded) as client:
        client.send(asks.replace(b"HTTP/1.1", b"HTTP/1.0") + bytes(784))
        assert client.reply().status == 200


def test_refusals_keep_their_place_in_a_pipeline(guarded: Server) -> None:
    """Answers come in the order of the requests, also where a later one is refused at once."""
    keyless = head("/predict", RAW, "Content-Length: 784") + bytes(784)
    with RawClient(guarded) as client:
        client.send((GOOD + keyless + GOOD) * 5 + head("/nowhere", f"Content-Length: {LONG}"))
        statuses = [client.reply().status for _ in range(16)]
        assert statuses == [200, 401, 200] * 5 + [404]
        assert client.ends()


def test_keyless_senders_cost_callers_with_a_key_nothing(tiny_model: Path) -> None:
    """Twice as many large bodies as memory holds, each held back by a byte: none is taken in."""
    flags = ("--model", str(tiny_model), "--body-limit", "100000", "--body-memory", "800000")
    with serving(*flags, SERVING_API_KEY="s3cret") as server, ExitStack() as stack:
        for _ in range(16):
            client = stack.enter_context(RawClient(server))
            client.send(head("/predict", RAW, "Content-Length: 99999") + bytes(99998))
            assert client.reply().status == 401
        with RawClient(server) as client:
            for _ in range(20):
                client.send(GOOD)
                assert client.reply().status == 200


def test_an_old_client_that_offers_an_upgrade_keeps_its_body(guarded: Server) -> None:
    """HTTP/1.0 as HTTP/1.1: a server that does not upgrade goes on as if nothing was offered."""
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEA")
    sent = head("/predict", KEY, RAW, *offer, "Content-Length: 784") + bytes(784)
    with RawClient(guarded) as client:
        client.send(sent.replace(b"HTTP/1.1", b"HTTP/1.0"))
        answer = client.reply()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.ends()


def test_an_offer_does_not_open_a_door(guarded: Server) -> None:
    """Refused once, at its head, with or without the key that is missing."""
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEA")
    with RawClient(guarded) as client:
        for _ in range(3):
            client.send(head("/predict", RAW, *offer, "Content-Length: 784") + bytes(784))
            assert client.reply().status == 401
        client.send(GOOD)
        assert client.reply().status == 200


def test_a_refused_sender_who_stalls_gets_no_second_answer(tiny_model: Path) -> None:
    """The deadline of a body that is thrown away ends the connection, without a word."""
    flags = ("--model", str(tiny_model), "--body-timeout", "0.5")
    with serving(*flags) as server, RawClient(server) as client:
        client.send(head("/nowhere", "Content-Length: 100") + b"abc")
        assert client.reply().status == 404
        assert client.ends()
