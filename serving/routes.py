"""Which handler a path and a method lead to, and whether a key guards it."""

import re
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from serving.context import Context
from serving.errors import MethodNotAllowed, NotFound
from serving.wire.messages import Reply

Handler = Callable[..., Coroutine[Any, Any, Reply]]  # (request, **captures)

_CAPTURE = re.compile(r"\{(\w+)\}")


@dataclass(slots=True, frozen=True, kw_only=True)
class Route:
    handlers: Mapping[str, Handler]  # by method
    label: str  # in metrics
    guarded: bool = False
    infers: bool = False  # new work, refused while draining
    changes: bool = False  # something here: pages of other sites may not
    compresses: bool = True  # replies worth it
    room: Callable[[Context], None] | None = (
        None  # raises where the queue has none; for large bodies
    )
    reads: frozenset[bytes] | None = None  # content types; None: the handler judges the body


@dataclass(slots=True)
class Routes:
    """Paths as in `/v2/models/{name}`; literal ones are found first."""

    _literal: dict[str, Route] = field(default_factory=dict)
    _patterns: dict[str, tuple[re.Pattern[str], Route]] = field(default_factory=dict)

    def add(self, path: str, route: Route) -> None:
        if "{" not in path:
            self._literal[path] = route
            return
        pattern = _CAPTURE.sub(r"(?P<\1>[^/]+)", path)
        self._patterns[path] = (re.compile(pattern), route)

    def all(self) -> Iterator[tuple[str, Route]]:
        yield from self._literal.items()
        yield from ((path, route) for path, (_, route) in self._patterns.items())

    def find(self, path: str) -> tuple[Route, Mapping[str, str | None]]:
        """Raise NotFound; one trailing slash does not matter."""
        route = self._literal.get(path)
        if route is not None:
            return route, {}
        if len(path) > len("//") and path.endswith("/"):
            path = path[:-1]
            if path in self._literal:
                return self._literal[path], {}
        for pattern, candidate in self._patterns.values():
            found = pattern.fullmatch(path)
            if found:
                return candidate, found.groupdict()
        raise NotFound("no such path: GET /docs lists those there are")


def handler_of(route: Route, method: str) -> Handler:
    """Raise MethodNotAllowed; HEAD is a GET whose body stays here."""
    handler = route.handlers.get("GET" if method == "HEAD" else method)
    if handler is None:
        allowed = [*route.handlers, *(["HEAD"] if "GET" in route.handlers else [])]
        raise MethodNotAllowed(tuple(allowed))
    return handler
