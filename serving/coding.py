"""Content-Encoding, both ways: gzip and deflate, bounded, off the event loop when large."""

import asyncio
import zlib

from serving.errors import BadRequest, TooLarge, UnsupportedMediaType
from serving.wire.messages import Reply

_WINDOW = {b"gzip": 31, b"deflate": 15}  # zlib's wbits
_RAW_DEFLATE = -15  # some senders of "deflate" leave out zlib's wrapper
_GREATEST_RATIO = 1032  # of deflate: 258 bytes for two bits
_SMALLEST = 1024  # a stream's head and end, with room to spare
_FAST = 1  # compression level: replies are numbers, more effort gains little
_INLINE_BYTES = 64 << 10
_UNWANTED = {b"q=0", b"q=0.0", b"q=0.00", b"q=0.000"}


def check(coding: bytes) -> None:
    """Raise UnsupportedMediaType for what `decompressed` cannot undo."""
    if coding.strip().lower() not in {b"identity", *_WINDOW}:
        raise UnsupportedMediaType("Content-Encoding must be gzip or deflate")


def most_bytes(body: bytes) -> int:
    """Return how many a body may turn into: no deflate stream grows further."""
    return len(body) * _GREATEST_RATIO + _SMALLEST


async def decompressed(body: bytes, coding: bytes, *, limit: int) -> bytes:
    """Undo a coding that was checked; raises BadRequest, or TooLarge above `limit` bytes."""
    name = coding.strip().lower()
    if name == b"identity":
        return body
    return await asyncio.to_thread(_inflate, body, name, limit)


def _inflate(body: bytes, name: bytes, limit: int) -> bytes:
    window = _WINDOW[name]
    if name == b"deflate" and (body[0] & 0x0F != zlib.DEFLATED or int.from_bytes(body[:2]) % 31):
        window = _RAW_DEFLATE
    stream = zlib.decompressobj(window)
    try:
        content = stream.decompress(body, limit + 1)
    except zlib.error:
        raise BadRequest("the body is not in the coding that Content-Encoding names") from None
    if len(content) > limit:
        raise TooLarge(f"the decompressed body is larger than {limit} bytes")
    if not stream.eof or stream.unused_data:
        raise BadRequest("the compressed body is cut short, or more than one stream")
    return content


async def compressed(reply: Reply, accepted: bytes) -> Reply:
    """Compress as Accept-Encoding asks, if it does."""
    name = _best(accepted)
    if name is None or any(field == b"content-encoding" for field, _ in reply.headers):
        return reply
    if len(reply.body) <= _INLINE_BYTES:
        body = _deflate(reply.body, name)
    else:
        body = await asyncio.to_thread(_deflate, reply.body, name)
    fields = (*reply.headers, (b"content-encoding", name), (b"vary", b"accept-encoding"))
    return reply._replace(body=body, headers=fields)


def _best(accepted: bytes) -> bytes | None:
    for item in accepted.lower().split(b","):
        name, _, quality = item.partition(b";")
        if name.strip() in _WINDOW and quality.replace(b" ", b"") not in _UNWANTED:
            return name.strip()
    return None


def _deflate(body: bytes | bytearray, name: bytes) -> bytes:
    stream = zlib.compressobj(_FAST, zlib.DEFLATED, _WINDOW[name])
    return stream.compress(body) + stream.flush()
