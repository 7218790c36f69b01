"""Web addresses, asked by a client that soon gives up where nothing answers.

urllib gives every one of a host's addresses the whole time-out, one after the other: behind a
firewall that drops packets, a host of eight addresses would take minutes to fail.
"""

import socket
from functools import partial
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.request import HTTPHandler, HTTPSHandler, Request, build_opener

CONNECT_S = 4.0  # for each of IPv6 and IPv4


def open_url(request: Request, *, silence_s: float) -> HTTPResponse:
    """Open an http(s) address, proxies of the environment included; raises what urllib raises.

    Connecting may take CONNECT_S, and no pause in the answer longer than `silence_s`.
    """
    response: HTTPResponse = build_opener(_Http, _Https).open(request, timeout=silence_s)
    return response


class _Http(HTTPHandler):
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(partial(_quick, HTTPConnection), req)


class _Https(HTTPSHandler):
    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(partial(_quick, HTTPSConnection), req)


def _quick(kind: type[HTTPConnection], host: str, **options: Any) -> HTTPConnection:  # noqa: ANN401 - handed through
    connection = kind(host, **options)
    connection._create_connection = _connect  # type: ignore[attr-defined]  # noqa: SLF001 - http.client's own seam for proxies and tests
    return connection


def _connect(
    address: tuple[str, int], timeout: float, source_address: tuple[str, int] | None = None
) -> socket.socket:
    """Try the host's first IPv6 and IPv4 addresses; raises the last OSError."""
    del source_address  # never given
    failure = OSError(f"{address[0]} has no address")
    resolved = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    families = dict.fromkeys(info[0] for info in resolved)
    for family in families:
        _, kind, protocol, _, place = next(info for info in resolved if info[0] == family)
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(CONNECT_S)
            connection.connect(place)
        except OSError as error:
            connection.close()
            failure = error
        else:
            connection.settimeout(timeout)
            return connection
    raise failure
