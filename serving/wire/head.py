"""A request's head: its bounds, its path, the length of its body, its offers of other protocols."""

from urllib.parse import unquote

from serving.errors import BadRequest, HeadersTooLarge
from serving.wire.messages import Headers

URL_BYTES = 8 << 10
HEAD_BYTES = 32 << 10
HEAD_LINES = 100

# Fields of which a second one would leave open which of them counts.
ONCE = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"content-type", b"content-encoding"}
    | {b"inference-header-content-length", b"authorization", b"x-api-key", b"expect"}
)

_OFFER = frozenset({b"upgrade", b"http2-settings"})  # of another protocol on this connection


def path_of(raw: bytes) -> str:
    """Decode the path; an absolute URL (as sent to proxies) loses its scheme and host."""
    if not raw.startswith(b"/") and b"://" in raw:
        raw = b"/" + raw.partition(b"://")[2].partition(b"/")[2]
    text = raw.decode("latin-1")
    return unquote(text) if "%" in text else text


def body_length(headers: Headers) -> int | None:
    """Return that which the head says; None: it comes in chunks. Raises BadRequest."""
    length = headers.get(b"content-length")
    if b"transfer-encoding" not in headers:
        return int(length or 0)
    if length is not None:
        raise BadRequest("Content-Length together with Transfer-Encoding: give one of them")
    if headers[b"transfer-encoding"].lower() != b"chunked":
        raise BadRequest("a transfer coding other than chunked: send chunked or a length")
    return None


def without_offer(method: bytes, url: bytes, version: str, headers: Headers) -> bytes:
    """Write the head again without its offer of another protocol (RFC 9110, 7.8: a server may).

    The parser takes what follows an offer for the other protocol's; in HTTP/1.1 it is the body,
    and Java's client offers h2c with its first request.
    """
    fields = {name: text for name, text in headers.items() if name not in _OFFER}
    options = [one.strip() for one in fields.pop(b"connection", b"").split(b",")]
    kept = [one for one in options if one and one.lower() not in _OFFER]
    fields |= {b"connection": b", ".join(kept)} if kept else {}
    lines = [b"%b %b HTTP/%b" % (method, url, version.encode())]
    lines += [b"%b: %b" % field for field in fields.items()]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def too_large() -> HeadersTooLarge:
    return HeadersTooLarge(
        f"the headers are larger than {HEAD_BYTES} bytes or have more than {HEAD_LINES} lines"
    )
