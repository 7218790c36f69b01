"""How much of a request may come, and how long each part of it may take."""

from dataclasses import dataclass
from enum import Enum

from serving.errors import TooSlow


class Phase(Enum):
    """Where in a request the connection stands."""

    IDLE = 0
    HEAD = 1
    BODY = 2


@dataclass(slots=True, frozen=True, kw_only=True)
class Limits:
    body_bytes: int
    header_s: float
    body_s: float
    idle_s: float

    def patience_s(self, phase: Phase) -> float:
        """Return how long that part may take."""
        if phase is Phase.HEAD:
            return self.header_s
        return self.body_s if phase is Phase.BODY else self.idle_s

    def too_slow(self, phase: Phase) -> TooSlow:
        part = "headers" if phase is Phase.HEAD else "body"
        return TooSlow(f"the {part} did not arrive within {self.patience_s(phase):g} s")
