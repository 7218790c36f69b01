"""One budget for every byte that connections hold: who takes, who waits, who is refused."""

import asyncio
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from serving.errors import TooLarge, Unavailable
from serving.wire.budget import Budget
from tests.serving.live import Server, serving
from tests.serving.load import eventually
from tests.serving.wire.raw_http import RawClient, head

RAW = "Content-Type: application/octet-stream"
MIB = 1 << 20


def unfinished(size: int) -> bytes:
    """A request whose last byte is missing."""
    return head("/predict", RAW, f"Content-Length: {size}") + bytes(size - 1)


def test_the_line_is_served_in_its_order() -> None:
    """Who came first is first; nobody passes but small ones, and they only by an eighth."""
    budget, served = Budget(16 * MIB), list[str]()
    assert budget.try_take(12 * MIB)
    budget.wait(8 * MIB, lambda: served.append("first"))
    budget.wait(2 * MIB, lambda: served.append("second"))
    assert not budget.try_take(2 * MIB)
    assert [budget.try_take(MIB) for _ in range(7)] == [True] * 6 + [False]
    budget.give_back(14 * MIB)
    assert served == ["first", "second"]
    assert budget.held_bytes == 14 * MIB


def test_the_largest_passes_where_nothing_else_is_held() -> None:
    """A body may be as large as the whole budget, and is not kept waiting for ever."""
    budget = Budget(MIB)
    assert budget.try_take(2 * MIB)


def test_a_request_waits_for_more_and_gives_up() -> None:
    """Before those who hold nothing yet; what never fits is 413, what does not in time 503."""

    async def run() -> tuple[list[str], int]:
        budget, served = Budget(4 * MIB, patience_s=0.05), list[str]()
        await budget.take(3 * MIB)
        budget.wait(2 * MIB, lambda: served.append("body"))
        with pytest.raises(TooLarge):
            await budget.take(5 * MIB)
        with pytest.raises(Unavailable):
            await budget.take(2 * MIB)
        waiting = asyncio.create_task(budget.take(3 * MIB))
        await asyncio.sleep(0)
        budget.give_back(3 * MIB)
        await waiting
        assert served == []
        left = asyncio.create_task(budget.take(2 * MIB))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        budget.give_back(3 * MIB)
        return served, budget.held_bytes

    assert asyncio.run(run()) == (["body"], 2 * MIB)


def test_bodies_that_find_no_room_wait_and_are_then_refused(tiny_model: Path) -> None:
    """Unfinished ones hold it; who waits is let in when they go, or gets 503 after a while."""
    flags = ("--body-limit", str(6 * MIB), "--body-memory", str(8 * MIB), "--body-timeout", "2")
    with serving("--model", str(tiny_model), *flags) as server:
        with RawClient(server) as holder, RawClient(server) as late:
            holder.send(unfinished(6 * MIB))
            late.send(head("/predict", RAW, f"Content-Length: {6 * MIB}", "Expect: 100-continue"))
            answer = late.reply()
            assert (answer.status, answer.headers["connection"]) == (503, "close")
            assert "retry-after" in answer.headers
        with RawClient(server) as holder, RawClient(server) as late:
            holder.send(unfinished(6 * MIB))
            server.get("/v2")  # by now the server has read it
            late.send(head("/predict", RAW, f"Content-Length: {6 * MIB}", "Expect: 100-continue"))
            server.get("/v2")
            assert server.predict({"images": [[0] * 28] * 28}).status == 200, "small ones pass"
            holder.send(b"x")
            assert holder.reply().status == 400
            assert late.reply().status == 100
            late.send(bytes(6 * MIB))
            assert late.reply().status == 400


@pytest.mark.soak
def test_a_body_in_chunks_asks_as_it_grows(tiny_model: Path) -> None:
    """No length is known: each doubling waits for its room; the end gives all of it back."""
    flags = ("--body-limit", str(6 * MIB), "--body-memory", str(8 * MIB), "--body-timeout", "2")
    chunked = head("/predict", RAW, "Transfer-Encoding: chunked")
    chunk = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
    with serving("--model", str(tiny_model), *flags) as server:
        for _ in range(5):
            with RawClient(server) as client:
                client.send(chunked + chunk * 80 + b"0\r\n\r\n")
                assert client.reply().status == 400
        with RawClient(server) as holder, RawClient(server) as client:
            holder.send(unfinished(6 * MIB))
            server.get("/v2")
            client.send(chunked + chunk * 40)
            assert client.reply().status == 503


def test_senders_who_leave_give_everything_back(tiny_model: Path) -> None:
    """Those who hold memory, and those who wait for it: afterwards the largest body fits."""
    flags = ("--body-limit", str(6 * MIB), "--body-memory", str(6 * MIB))
    with serving("--model", str(tiny_model), *flags) as server:
        with ExitStack() as stack:
            for _ in range(6):
                client = stack.enter_context(RawClient(server))
                client.send(head("/predict", RAW, f"Content-Length: {6 * MIB}") + bytes(1000))
            server.get("/v2")
        with RawClient(server) as client:
            client.send(unfinished(6 * MIB) + b"x")
            assert client.reply().status == 400


def test_pipelined_bodies_are_left_in_the_socket(tiny_model: Path) -> None:
    """Three connections with five bodies of 15 MB each: every answer, and memory for two."""
    body = head("/predict", RAW, "Content-Length: 15000000") + bytes(15_000_000)
    flags = ("--model", str(tiny_model), "--body-memory", str(32 * MIB), "--no-access-log")
    with serving(*flags) as server, ExitStack() as stack:
        before = peak_bytes(server)
        clients = [stack.enter_context(RawClient(server)) for _ in range(3)]
        senders = [threading.Thread(target=client.send, args=(body * 5,)) for client in clients]
        for sender in senders:
            sender.start()
        statuses = [client.reply().status for _ in range(5) for client in clients]
        for sender in senders:
            sender.join(20)
        assert statuses == [400] * 15
        assert peak_bytes(server) - before < 120 * MIB


def test_who_reads_no_replies_is_not_read_either(server: Server) -> None:
    """Their number is bounded by what the kernel holds; when they are read, all are there."""
    asks = head("/openapi.json", method="GET")
    with RawClient(server) as client:
        sender = threading.Thread(target=client.send, args=(asks * 5_000,))
        sender.start()
        before = server.metric('serving_requests_total{route="/",status="200"}')
        eventually(lambda: is_stuck(server), "a pause")
        assert server.metric('serving_requests_total{route="/",status="200"}') - before < 5_000
        for _ in range(5_000):
            assert client.reply().status == 200
        sender.join(20)


def is_stuck(server: Server) -> bool:
    served = 'serving_requests_total{route="/",status="200"}'
    return server.metric(served) == server.metric(served)


def peak_bytes(server: Server) -> int:
    """Return the most memory that the process has had."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no VmHWM in /proc")
