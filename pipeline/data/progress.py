"""How far a download is: one line that a terminal redraws, a few lines in a log."""

import time
from typing import TextIO

TERMINAL_EVERY_S = 0.25
LOG_EVERY_S = 10.0


class Progress:
    """Tells the stream now and then; `end` is always told."""

    def __init__(self, name: str, origin: str, total: int | None, stream: TextIO) -> None:
        self.name, self.origin, self.total, self.stream = name, origin, total, stream
        self._terminal = stream.isatty()
        self._next_s = time.monotonic() + (0 if self._terminal else LOG_EVERY_S)

    def at(self, done: int) -> None:
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + (TERMINAL_EVERY_S if self._terminal else LOG_EVERY_S)
            self._write(f"  {self.name}  {self._share(done)}", end="" if self._terminal else "\n")

    def end(self, done: int) -> None:
        self._write(f"  {self.name}  {megabytes(done)} from {self.origin}", end="\n")

    def leave(self) -> None:
        """Close a line that is being redrawn, so that what follows does not stand in it."""
        if self._terminal:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def _share(self, done: int) -> str:
        if not self.total:
            return megabytes(done)
        return f"{100 * done // self.total:3d} % of {megabytes(self.total)}"

    def _write(self, text: str, *, end: str) -> None:
        self.stream.write(f"\r\x1b[K{text}{end}" if self._terminal else f"{text}{end}")
        self.stream.flush()


def megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count:,} bytes"  # noqa: PLR2004 - below it, MB would read 0.0
