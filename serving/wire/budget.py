"""Memory for bodies that are still arriving, shared by all connections of a worker."""

from dataclasses import dataclass

from serving.errors import Unavailable


@dataclass(slots=True)
class Budget:
    """Many slow senders of large bodies are refused before they add up to the machine's memory."""

    limit_bytes: int
    held_bytes: int = 0

    def take(self, count: int) -> None:
        """Raise Unavailable when all of it is in use."""
        if self.held_bytes + count > self.limit_bytes:
            raise Unavailable("too many bodies are arriving at once: try again later")
        self.held_bytes += count

    def give_back(self, count: int) -> None:
        self.held_bytes -= count
