"""How far long work is: one line that a terminal redraws, a few lines in a log."""

import time
from typing import TextIO

TERMINAL_EVERY_S = 0.25
LOG_EVERY_S = 10.0


class _Line:
    """Tells the stream now and then."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._terminal = stream.isatty()
        self._next_s = time.monotonic() + (0 if self._terminal else LOG_EVERY_S)

    def leave(self) -> None:
        """Close a line that is being redrawn, so that what follows does not stand in it."""
        if self._terminal:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now < self._next_s:
            return False
        self._next_s = now + (TERMINAL_EVERY_S if self._terminal else LOG_EVERY_S)
        return True

    def _redraw(self, text: str) -> None:
        self._write(text, end="" if self._terminal else "\n")

    def _write(self, text: str, *, end: str) -> None:
        self.stream.write(f"\r\x1b[K{text}{end}" if self._terminal else f"{text}{end}")
        self.stream.flush()


class Counting(_Line):
    """Things of a known number: how many, how fast, how much longer; nothing about none."""

    def __init__(self, name: str, total: int, stream: TextIO, *, already: int = 0) -> None:
        super().__init__(stream)
        self.name, self.total, self.already = name, total, already
        self._began_s = time.monotonic()
        if already:
            self._write(f"  {name}  goes on after {already:,} of {total:,}", end="\n")

    def at(self, done: int, remark: str = "") -> None:
        if self._is_due():
            rate = self._rate(done)
            left = f"{clock((self.total - done) / rate)} left" if rate else ""
            words = (f"{rate:,.0f}/s" if rate else "", left, remark)
            share = 100 * done // max(self.total, 1)
            state = ", ".join(filter(None, (f"{done:,} of {self.total:,} ({share} %)", *words)))
            self._redraw(f"  {self.name}  {state}")

    def end(self) -> None:
        new = self.total - self.already
        took = time.monotonic() - self._began_s
        self._write(
            f"  {self.name}  {new:,} in {clock(took)}, {self._rate(self.total):,.0f}/s", end="\n"
        )

    def _rate(self, done: int) -> float:
        """Per second, of what was not there already."""
        return (done - self.already) / max(time.monotonic() - self._began_s, 1e-3)


class Progress(_Line):
    """Bytes of a file, of a known number or not; `end` is always shown."""

    def __init__(self, name: str, origin: str, total: int | None, stream: TextIO) -> None:
        super().__init__(stream)
        self.name, self.origin, self.total = name, origin, total

    def at(self, done: int) -> None:
        if self._is_due():
            self._redraw(f"  {self.name}  {self._share(done)}")

    def end(self, done: int) -> None:
        self._write(f"  {self.name}  {megabytes(done)} from {self.origin}", end="\n")

    def _share(self, done: int) -> str:
        if not self.total:
            return megabytes(done)
        return f"{100 * done // self.total:3d} % of {megabytes(self.total)}"


def megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count:,} bytes"  # noqa: PLR2004 - below it, MB would read 0.0


def clock(seconds: float) -> str:
    """Hours, minutes, seconds, as 1:02:03 or 0:07."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
