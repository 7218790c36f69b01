"""The log's lines: written where there is room at once, else kept for a while, then dropped.

Nobody waits for who reads the log. A pipe or terminal is opened a second time, not blocking, so
that others who write to the same one keep their ways; a socket is asked so for each message.
"""

import logging
import os
import select
import socket
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial

_BUNDLE_BYTES = 64 << 10
_SHARED_BYTES = 4096  # PIPE_BUF, written whole or not at all: workers do not mix their lines
_KEPT_BYTES = 256 << 10  # while nobody reads
_POLL_MS = 20
_NO_DESCRIPTOR = -1


class Lines:
    """Threads may share it; `count_dropped` gets how many lines found no room."""

    def __init__(self, descriptor: int) -> None:
        self.count_dropped: Callable[[int], object] = lambda _: None
        self._descriptor = descriptor
        self._held = ExitStack()
        self._write = _writer(descriptor, self._held)
        self._bundle_bytes = _SHARED_BYTES
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0

    def put(self, lines: Iterable[bytes]) -> bool:
        """Write what there is room for; False: some still wait, so flush again later."""
        with self._lock:
            dropped = 0
            for line in lines:
                if self._waiting_bytes > _KEPT_BYTES:
                    self._drain()
                if self._waiting_bytes > _KEPT_BYTES:
                    dropped += 1
                    continue
                self._waiting.append(line)
                self._waiting_bytes += len(line)
            self._drain()
            if dropped:
                self.count_dropped(dropped)
            return not self._waiting

    def close(self, patience_s: float) -> None:
        """Wait for a slow reader, but not for ever; then nothing is written any more."""
        last_s = time.monotonic() + patience_s
        while not self.put(()) and time.monotonic() < last_s:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLOUT)
            poll.poll(_POLL_MS)
        with self._lock:
            self._write = partial(os.write, _NO_DESCRIPTOR)
            self._held.close()

    def begin(self, count_dropped: Callable[[int], object], *, is_shared: bool) -> None:
        """Start in a worker; others write there, too, where it `is_shared`.

        What waits is the parent's to write, if this process was forked.
        """
        self.count_dropped = count_dropped
        self._bundle_bytes = _SHARED_BYTES if is_shared else _BUNDLE_BYTES
        self._waiting.clear()
        self._waiting_bytes = 0

    def _drain(self) -> None:
        while self._waiting:
            bundle = self._bundle()
            try:
                written = self._write(bundle)
            except BlockingIOError:
                written = 0
            except OSError:  # nobody will ever read it
                self.count_dropped(bundle.count(b"\n") + len(self._waiting))
                self._waiting.clear()
                self._waiting_bytes = 0
                return
            if written < len(bundle):
                self._waiting.appendleft(bundle[written:])
                self._waiting_bytes += len(bundle) - written
                return

    def _bundle(self) -> bytes:
        lines = [self._waiting.popleft()]
        size = len(lines[0])
        while self._waiting and size + len(self._waiting[0]) <= self._bundle_bytes:
            size += len(self._waiting[0])
            lines.append(self._waiting.popleft())
        self._waiting_bytes -= size
        return b"".join(lines)


class LinesHandler(logging.Handler):
    """What the standard library's loggers say goes the same way."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.put([self.format(record).encode("utf-8", "backslashreplace") + b"\n"])


def _writer(descriptor: int, held: ExitStack) -> Callable[[bytes], int]:
    """Give what writes without waiting, and raises BlockingIOError instead."""
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:  # closed
        return partial(os.write, descriptor)
    if stat.S_ISSOCK(mode):
        own = held.enter_context(socket.socket(fileno=os.dup(descriptor)))
        return lambda content: own.send(content, socket.MSG_DONTWAIT)
    if stat.S_ISREG(mode):  # its disk takes what it is given; a second opening has its own offset
        return partial(os.write, descriptor)
    try:
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
        opened = os.open(f"/proc/self/fd/{descriptor}", flags)
    except OSError:  # another user's
        return partial(_write_when_ready, descriptor)
    held.callback(os.close, opened)
    return partial(os.write, opened)


def _write_when_ready(descriptor: int, content: bytes) -> int:
    """Write at most what a pipe that has room takes at once."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    if not poll.poll(0):
        raise BlockingIOError
    return os.write(descriptor, content[:_SHARED_BYTES])
