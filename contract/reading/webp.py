"""WebP's size from its first chunk: Pillow makes room for all pixels when it opens a file.

(WebP container specification; RFC 9649, 2.4 to 2.7.)
"""

from contract.reading.errors import damaged


def size(data: bytes) -> tuple[int, int]:
    """Width and height of the picture, or of an animation's canvas."""
    kind, head = data[12:16], data[20:30]
    if len(head) == 10:  # noqa: PLR2004 - all of it
        if kind == b"VP8X":
            return _number(head[4:7]) + 1, _number(head[7:10]) + 1
        if kind == b"VP8L":
            bits = _number(head[1:5])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        if kind == b"VP8 ":
            return _number(head[6:8]) & 0x3FFF, _number(head[8:10]) & 0x3FFF
    raise damaged("WebP", "no head")


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
