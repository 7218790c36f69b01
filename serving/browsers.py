"""What pages of other sites may do through a visitor's browser: nothing, unless they are named.

A name of theirs that leads to this machine is refused by the Host field, so that their scripts do
not count as ours; what changes something is refused by the Origin field.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from serving.errors import Forbidden
from serving.wire.messages import Field, Headers

ANY = "*"
_LOOPBACK = frozenset({"localhost", "*.localhost", "127.0.0.1", "[::1]"})
_ASKED = (
    b"authorization, content-encoding, content-type, inference-header-content-length, traceparent, "
    b"x-api-key, x-request-id, x-request-timeout"
)
_EXPOSED = (
    b"inference-header-content-length, retry-after, traceparent, x-model-version, x-request-id"
)


@dataclass(slots=True, frozen=True)
class Browsers:
    """`hosts`: names in Host, `*.name` for all below one; `origins`: of pages that may call."""

    hosts: frozenset[str]
    origins: frozenset[str] = frozenset()

    def check_host(self, headers: Headers) -> None:
        """Raise Forbidden; who sends no Host is no browser."""
        if ANY in self.hosts:
            return
        host = headers.get(b"host")
        if host is not None and not _is_among(host, self.hosts):
            raise Forbidden(
                "this Host is not served: ask by a name that --allowed-hosts lists "
                "(by default, on loopback: localhost, 127.0.0.1, [::1])"
            )

    def check_origin(self, headers: Headers) -> None:
        """Raise Forbidden where a page of another site wants to change something."""
        origin = headers.get(b"origin")
        if origin is None or self._is_named(origin):
            return
        scheme, _, host = origin.partition(b"://")
        if scheme not in {b"http", b"https"} or host.lower() != headers.get(b"host", b"").lower():
            raise Forbidden("pages of this Origin may not change anything: see --cors-origins")

    def allows(self, headers: Headers) -> tuple[Field, ...]:
        """Fields by which a browser lets the page of a named origin read the reply."""
        origin = headers.get(b"origin")
        if origin is None or not self._is_named(origin):
            return ()
        return (
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED),
            (b"vary", b"origin"),
        )

    def answers(self, headers: Headers) -> bool:
        """Whether OPTIONS is a browser's question whether such a page may call."""
        origin = headers.get(b"origin")
        asks = origin is not None and b"access-control-request-method" in headers
        return asks and self._is_named(origin or b"")

    def _is_named(self, origin: bytes) -> bool:
        return bool(self.origins) and (ANY in self.origins or origin.decode() in self.origins)


def permission(methods: Iterable[str]) -> tuple[Field, ...]:
    """What the answer to that question holds."""
    return (
        (b"access-control-allow-methods", ", ".join(methods).encode()),
        (b"access-control-allow-headers", _ASKED),
        (b"access-control-max-age", b"600"),
    )


def browsers(hosts: Iterable[str], origins: Iterable[str], *, bound_to: str) -> Browsers:
    """Without `hosts` all names are served, on loopback only its own."""
    names = frozenset(name.lower() for name in hosts)
    if not names:
        names = _LOOPBACK | {_bracketed(bound_to)} if _is_loopback(bound_to) else frozenset({ANY})
    return Browsers(names, frozenset(origins))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@lru_cache(maxsize=64)
def _is_among(host: bytes, names: frozenset[str]) -> bool:
    text = host.decode("latin-1").lower()
    head, colon, port = text.rpartition(":")
    name = head if colon and (port.isdigit() or not port) else text
    above = name
    while above:
        _, _, above = above.partition(".")
        if f"*.{above}" in names:
            return True
    return name in names
