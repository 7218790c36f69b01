"""What a file is, by its first bytes: never by its name or a caller's word."""

from contract.reading import pnm

_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
_FIRST = b"\x89\xffGIMRBP"  # bytes of all formats but those that begin with a length
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"), "HEIF"),
}
_BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})  # bytes
_OLD_BMP_HEADER = 12  # with 16-bit sides
_BMP_DEPTHS = frozenset({1, 4, 8, 16, 24, 32})  # bits
_LONGEST_HEAD = 4096  # bytes


def format_of(data: bytes) -> str | None:
    """One of rules.FORMATS, or None.

    BMP and PNM begin with two letters only, so the rest of their header must fit as well.
    """
    if data[:1] not in _FIRST:  # as raw pixels: many requests are no more than them
        return _brand(data) if data[4:8] == b"ftyp" else None
    for start, name in _STARTS:
        if data.startswith(start):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _brand(data)
    if data[:2] == b"BM":
        return "BMP" if _is_bmp(data) else None
    return "PPM" if data[:1] == b"P" and pnm.head(data) else None


def _brand(data: bytes) -> str | None:
    """The major brand, else the first known among the compatible ones (ISO/IEC 14496-12, 4.3)."""
    end = min(int.from_bytes(data[:4], "big"), len(data), _LONGEST_HEAD)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end, 4))]
    return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)


def _is_bmp(data: bytes) -> bool:
    """Whether sizes, planes and depth are a bitmap's, and pixels begin behind the headers."""
    start, header = (int.from_bytes(data[at : at + 4], "little") for at in (10, 14))
    planes, depth = (22, 24) if header == _OLD_BMP_HEADER else (26, 28)
    return (
        header in _BMP_HEADERS
        and 14 + header <= start
        and data[planes : planes + 2] == b"\1\0"
        and int.from_bytes(data[depth : depth + 2], "little") in _BMP_DEPTHS
    )
