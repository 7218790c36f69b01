"""Lists 6, 7 and 8 of the interface: many callers at once, some of them bad, slow or gone."""

import resource
import socket
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial

from tests.drill.client import JSON, RAW, Subject, read_answer

MATES = 63
OK, UNAVAILABLE, LATE = 200, 503, 504
SLOW = 408
IDLE = 1000
SPARE_FILES = 200


@dataclass(frozen=True)
class Finding:
    """What was done, what had to come back, what came back."""

    item: int
    what: str
    expected: str
    found: str
    is_right: bool


def one_bad_caller(subject: Subject) -> Finding:
    """Send 63 good requests and a bad one in the same instant."""
    bad = subject.target.request("/predict", b'{"images": [[7]]}', JSON)
    with ThreadPoolExecutor(MATES + 1) as pool:
        jobs = [pool.submit(subject.target.send, subject.good) for _ in range(MATES)]
        spoiled = pool.submit(subject.target.send, bad)
        good = sum(subject.is_right(job.result()) for job in jobs)
    found = f"{good} x 200 and right, {spoiled.result().status}"
    wanted = f"{MATES} x 200 and right, 400"
    return Finding(6, "one bad caller among 63 good ones", wanted, found, found == wanted)


def burst(subject: Subject) -> Finding:
    """Send twice what one worker's queue holds; each is answered, the excess by 503 or 504."""
    batch = min(subject.limits["max_batch"], subject.limits["body_limit"] // len(subject.image))
    callers = min(2 * subject.limits["queue"] // batch + 2, 64)
    sent = subject.target.request("/predict", subject.image * batch, RAW)
    with ThreadPoolExecutor(callers) as pool:
        answers = list(pool.map(lambda _: subject.target.send(sent, 60), range(callers)))
    statuses = Counter(answer.status for answer in answers)
    retry = all("retry-after" in one.headers for one in answers if one.status == UNAVAILABLE)
    fine = statuses[OK] > 0 and retry and set(statuses) <= {OK, UNAVAILABLE, LATE}
    found = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    what = f"a burst of {callers} x {batch} images"
    return Finding(7, what, "200; 503 + Retry-After or 504 for the excess", found, fine)


def hang_up(subject: Subject) -> Finding:
    """Hang up on 50 requests while 50 mates wait for theirs."""
    for _ in range(50):
        with subject.target.connect() as connection:
            connection.sendall(subject.good)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: subject.target.send(subject.good), range(50)))
    right = sum(map(subject.is_right, answers))
    what = "50 callers hang up beside 50 who wait"
    return Finding(7, what, "50 x 200 and right", f"{right} x 200 and right", right == len(answers))


def idle(subject: Subject) -> Finding:
    """Open 1,000 connections that say nothing, and ask 50 good questions beside them."""
    count = _connections_allowed()
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(subject.target.connect())
        right = sum(subject.is_right(subject.target.send(subject.good)) for _ in range(50))
    what = f"{count} idle connections, 50 good callers beside them"
    return Finding(8, what, "50 x 200 and right", f"{right} x 200 and right", right == 50)


def _connections_allowed() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE + SPARE_FILES if hard == resource.RLIM_INFINITY else min(hard, IDLE + SPARE_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return min(IDLE, max(soft, wanted) - SPARE_FILES)


def slow_senders(subject: Subject, patience_s: float) -> list[Callable[[], Finding]]:
    """List three senders that dawdle; each is closed at a deadline, within `patience_s`."""
    head = subject.target.head("POST /predict", b"Content-Length: %d\r\n" % len(subject.image))
    dawdlers = (
        ("1 byte/s of header", head[:-2] + b"X-Slow: ", SLOW),
        ("1 byte/s of body", head, SLOW),
        ("a silent connection", b"", 0),
    )
    return [partial(_dawdle, subject, patience_s, *each) for each in dawdlers]


def _dawdle(subject: Subject, patience_s: float, what: str, start: bytes, status: int) -> Finding:
    began_s = time.monotonic()
    with subject.target.connect(1.0) as connection, suppress(ConnectionError):
        connection.sendall(start)
        while time.monotonic() - began_s < patience_s and not _is_readable(connection):
            if start:
                connection.sendall(b"x")
        if not _is_readable(connection):
            found = f"still open after {patience_s:g} s"
            return Finding(8, what, _closing(status), found, is_right=False)
        answer = read_answer(connection)
        waited_s = time.monotonic() - began_s
        found = f"{_closing(answer.status)} after {waited_s:.0f} s"
        return Finding(8, what, _closing(status), found, answer.status == status)
    return Finding(8, what, _closing(status), "reset", is_right=False)


def _is_readable(connection: socket.socket) -> bool:
    """Wait up to the connection's timeout, a second, for a reply or the end."""
    try:
        connection.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return False
    return True


def _closing(status: int) -> str:
    return f"{status} and closed" if status else "closed"
