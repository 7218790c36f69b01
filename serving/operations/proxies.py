"""The client behind proxies: X-Forwarded-For counts as far as those who wrote it are trusted."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from serving.wire.messages import Headers

Networks = Sequence[IPv4Network | IPv6Network]


class Proxies:
    """`trusted`: their addresses or networks."""

    def __init__(self, trusted: Networks) -> None:
        self._trusted = tuple(trusted)
        self._is_trusted = lru_cache(maxsize=256)(self._is_within)

    def client_of(self, peer: str, headers: Headers) -> str:
        """Return the nearest address that is not a trusted proxy's; `peer` is who is connected."""
        if not self._trusted or b"x-forwarded-for" not in headers:
            return peer
        client = peer
        for text in reversed(headers[b"x-forwarded-for"].decode("latin-1").split(",")):
            address = text.strip()
            if not self._is_trusted(client) or not _is_address(address):
                break
            client = address
        return client

    def _is_within(self, address: str) -> bool:
        if not _is_address(address):
            return False
        given = ip_address(address)
        return any(given in network for network in self._trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
