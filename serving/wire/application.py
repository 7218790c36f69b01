"""What a connection serves."""

from collections.abc import Coroutine
from typing import Protocol

from serving.errors import ServingError
from serving.wire.messages import Headers, Reply, Request, Target


class App(Protocol):
    """One worker's application, as its connections see it."""

    @property
    def draining(self) -> bool:
        """Whether connections should close after their reply."""

    def judge(self, method: str, path: str, headers: Headers) -> Target:
        """Say where a head leads; must not raise."""

    def __call__(self, request: Request) -> Coroutine[None, None, Reply]:
        """Answer; must not raise."""

    def refuse(self, error: ServingError) -> Reply:
        """Answer bytes that never became a Request."""
