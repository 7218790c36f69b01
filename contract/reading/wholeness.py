"""Whether a file is all there, where its decoder would not say so."""

from collections.abc import Callable

from contract.reading import tiff
from contract.reading.errors import cut, damaged

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_BOXES = frozenset({b"ftyp", b"meta", b"moov", b"mdat", b"free", b"skip", b"uuid"})


def check(data: bytes, kind: str) -> None:
    """Raise BrokenPicture for a file that ends early; bytes behind its end do no harm.

    PNG, JPEG, BMP and PNM are checked by what reads them.
    """
    if kind in _CHECKS:
        _CHECKS[kind](data)


def _check_riff(data: bytes) -> None:
    if 8 + int.from_bytes(data[4:8], "little") > len(data):
        raise cut("WebP")


def _check_gif(data: bytes) -> None:
    """Walk the blocks to the trailer (GIF89a specification, sections 15 to 27)."""
    try:
        at = 13 + _table(data[10])
        while data[at] != _TRAILER:
            if data[at] == _EXTENSION:
                at = _after_blocks(data, at + 2)
            elif data[at] == _IMAGE:
                at = _after_blocks(data, at + 11 + _table(data[at + 9]))
            else:
                raise damaged("GIF", "no block where one should begin")
    except IndexError:
        raise cut("GIF") from None


def _table(flags: int) -> int:
    """Bytes of the colour table that follows."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1


def _check_boxes(data: bytes) -> None:
    """Walk the boxes (ISO/IEC 14496-12, 4.2); what is none, behind an index, are other bytes."""
    at, seen = 0, set[bytes]()
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        elif size == 0:
            size = len(data) - at
        if kind in _BOXES and at + size > len(data):
            raise cut("AVIF or HEIF")
        if size < 8 or at + size > len(data):  # noqa: PLR2004 - of its own head
            break
        seen.add(kind)
        at += size
    if not seen & {b"meta", b"moov"}:
        raise cut("AVIF or HEIF")


_CHECKS: dict[str, Callable[[bytes], None]] = {
    "WEBP": _check_riff,
    "GIF": _check_gif,
    "TIFF": tiff.check_whole,
    "AVIF": _check_boxes,
    "HEIF": _check_boxes,
}
