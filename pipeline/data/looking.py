"""One file of the user's: its pixels, and what the audit asks of it, from one reading."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.arrays import Images
from contract.reading import decoders, reader
from contract.reading.errors import PictureError, UnknownFormat
from contract.reading.quiet import warnings_ignored
from contract.reading.rules import FORMATS, Rules

Shape = tuple[int, int, int]  # (C, H, W)

FACTS = np.dtype([
    ("file", "u1", 32),  # sha256 of the file
    ("pixels", "u8"),  # of the prepared pixels: equal ones are equal
    ("likeness", "u8"),  # of the prepared pixels: similar ones differ in few bits
    ("format", "u1"),  # place in FORMATS
    ("width", "u4"),  # px, as stored
    ("height", "u4"),
    ("transparent", "?"),
    ("readable", "?"),
])  # fmt: skip
Facts = NDArray[np.void]

_HASHED = (9, 8)  # columns and rows: each row gives eight comparisons
_PNG_ALPHA = 4  # bit of the colour type
_PNG_COLOUR_TYPE = 25  # its place in the file


@dataclass(frozen=True)
class Seen:
    """`pixels` are zeros, and `reason` says why, where the file could not be read."""

    pixels: Images
    facts: Facts  # one record
    reason: str = ""


def look(path: str, *, rules: Rules, shape: Shape) -> Seen:
    """Open the file once; whatever is wrong with it is a reason, and no exception."""
    facts = np.zeros((), FACTS)
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as text, for a million of them
            data = file.read()
        facts["file"] = np.frombuffer(hashlib.sha256(data).digest(), np.uint8)
        pixels = reader.read(data, rules=rules, shape=shape)
        kind = reader.known_format(data, rules)
        with warnings_ignored():
            facts["width"], facts["height"] = decoders.size_of(data, kind)
            facts["transparent"] = _is_transparent(data, kind, rules)
    except UnknownFormat:
        reason = f"not one of {', '.join(FORMATS)}" if data else "an empty file"
    except PictureError as error:
        reason = str(error)
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        facts["format"] = FORMATS.index(kind)
        facts["pixels"] = fingerprint(pixels)
        facts["likeness"] = likeness(pixels)
        facts["readable"] = True
        return Seen(pixels, facts)
    return Seen(np.zeros(shape, np.uint8), facts, reason)


def fingerprint(pixels: Images) -> int:
    """64 bits: of a million different pictures, two coincide once in 37 million sets."""
    digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=8).digest()
    return int.from_bytes(digest, "little")


def likeness(pixels: Images) -> int:
    """The difference hash of the grey picture, 64 bits: whether it grows brighter to the right.

    N. Krawetz, "Kind of Like That", 2013: small changes of size, light and compression keep most
    of the bits.
    """
    small = np.zeros(_HASHED[::-1], np.int64)
    for plane in pixels:
        small += np.asarray(Image.fromarray(plane).resize(_HASHED, Image.Resampling.BOX))
    return int.from_bytes(np.packbits(small[:, 1:] > small[:, :-1]).tobytes(), "little")


def _is_transparent(data: bytes, kind: str, rules: Rules) -> bool:
    if kind in ("JPEG", "PPM"):
        return False
    if kind == "PNG":  # opening it would decode it
        return bool(data[_PNG_COLOUR_TYPE] & _PNG_ALPHA) or b"tRNS" in data[: data.find(b"IDAT")]
    return decoders.opened(data, kind, most=rules.max_pixels).has_transparency_data
