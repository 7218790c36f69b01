"""Content-Encoding, both ways: gzip and deflate, bounded, off the event loop when large."""

import asyncio
import zlib
from dataclasses import replace

from serving.errors import BadRequest, TooLarge, UnsupportedMediaType
from serving.wire.messages import Reply

_WINDOW = {b"gzip": 31, b"deflate": 15}  # zlib's wbits
_RAW_DEFLATE = -15  # some senders of "deflate" leave out zlib's wrapper
_FAST = 1  # compression level: replies are numbers, more effort gains little
_INLINE_BYTES = 64 << 10
_UNWANTED = {b"q=0", b"q=0.0", b"q=0.00", b"q=0.000"}


async def decompressed(body: bytes, coding: bytes, *, limit: int) -> bytes:
    """Raise UnsupportedMediaType, BadRequest, or TooLarge at the first byte above `limit`."""
    name = coding.strip().lower()
    if name == b"identity":
        return body
    if name not in _WINDOW:
        raise UnsupportedMediaType("Content-Encoding must be gzip or deflate")
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
    return replace(reply, body=body, headers=fields)


def _best(accepted: bytes) -> bytes | None:
    for item in accepted.lower().split(b","):
        name, _, quality = item.partition(b";")
        if name.strip() in _WINDOW and quality.replace(b" ", b"") not in _UNWANTED:
            return name.strip()
    return None


def _deflate(body: bytes, name: bytes) -> bytes:
    stream = zlib.compressobj(_FAST, zlib.DEFLATED, _WINDOW[name])
    return stream.compress(body) + stream.flush()
