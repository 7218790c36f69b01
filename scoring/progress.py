"""How far a job is: pictures, rate, time left; in place on a terminal, else in a line at times."""

import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

_OFTEN_S, _SELDOM_S = 0.5, 15.0
_ERASE = "\r\x1b[K"


@dataclass
class Progress:
    total: int
    done: int = 0  # with those of earlier tries
    failed: int = 0
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    _start_s: float = field(default_factory=time.monotonic)
    _said_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._before = self.done
        self._in_place = self.stream.isatty()

    def add(self, pictures: int, failed: int) -> None:
        self.done += pictures
        self.failed += failed
        now_s = time.monotonic()
        if now_s - self._said_s >= (_OFTEN_S if self._in_place else _SELDOM_S):
            self._said_s = now_s
            self._write(self.line(now_s - self._start_s))

    def line(self, seconds: float) -> str:
        """`seconds` since the start of this try."""
        scored = self.done - self._before
        rate = scored / max(seconds, 1e-3)
        left = _clock((self.total - self.done) / rate) if scored else "?"
        failed = f", {self.failed:,} with errors" if self.failed else ""
        return f"{self.done:,} of {self.total:,} pictures, {rate:,.0f}/s, {left} left{failed}"

    def end(self) -> None:
        if self._in_place:
            self.stream.write(_ERASE)
            self.stream.flush()

    def _write(self, text: str) -> None:
        self.stream.write(f"{_ERASE}{text}" if self._in_place else f"{text}\n")
        self.stream.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
