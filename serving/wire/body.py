"""The body of one request while it arrives: its bytes, its limit, and what it asks of memory."""

from serving.errors import TooLarge
from serving.wire.budget import Budget

_FIRST_BYTES = 64 << 10  # that a body in chunks asks for; then as much again as it has had


class Body:
    """Used again for each request of a connection."""

    def __init__(self, limit_bytes: int, budget: Budget) -> None:
        self._limit_bytes = limit_bytes
        self._budget = budget
        self._content: bytes | bytearray = b""
        self._needed_bytes = 0
        self._taken_bytes = 0  # of the budget

    def expect(self, length: int | None) -> bool:
        """False: it is above the limit. None: the head does not say."""
        if length is not None and length > self._limit_bytes:
            return False
        self._needed_bytes = length or 0
        return True

    def add(self, part: bytes) -> None:
        """Raise TooLarge at the first byte above the limit."""
        size = len(self._content) + len(part)
        if size > self._limit_bytes:
            raise self.too_large()
        if not self._content:
            self._content = part
        elif isinstance(self._content, bytes):
            self._content = bytearray(self._content)  # not a list: tiny chunks would bloat it
            self._content += part
        else:
            self._content += part
        if size > self._needed_bytes:
            self._needed_bytes = min(max(_FIRST_BYTES, 2 * size), self._limit_bytes)

    def taken(self) -> bytes:
        """Give the whole of it, with its memory counted for whoever takes it."""
        content = bytes(self._content)
        self._budget.take_anyway(len(content) - self._taken_bytes)  # what came at once has none yet
        self._content = b""
        self._needed_bytes = self._taken_bytes = 0
        return content

    @property
    def wanting_bytes(self) -> int:
        """What must be taken of the budget before more of it is read."""
        lack = self._needed_bytes - self._taken_bytes
        return lack if lack > 0 else 0  # noqa: FURB136 -- for each request, and max() takes longer

    def grant(self, count: int) -> None:
        """Count what was taken of the budget for it."""
        self._taken_bytes += count

    def forget(self) -> None:
        """Let go of what came: nobody waits for the rest."""
        self._budget.give_back(self._taken_bytes)
        self._content = b""
        self._needed_bytes = self._taken_bytes = 0

    def too_large(self) -> TooLarge:
        return TooLarge(f"the body is larger than {self._limit_bytes} bytes")
