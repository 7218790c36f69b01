"""One file of the corpus, what must come of it, and the pictures it is made from."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contract.reading.errors import BrokenPicture, PictureError

Bytes: TypeAlias = NDArray[np.uint8]
Samples: TypeAlias = NDArray[Any]  # of the depth a test is about

HEIGHT, WIDTH = 45, 62
_SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}
EXACT, LOSSY, COARSE = 0, 6, 16  # mean absolute difference allowed, in levels


@dataclass(frozen=True, kw_only=True)
class Case:
    """`picture` is upright, (H, W) grey or (H, W, 3) RGB, on white paper; None where refused."""

    name: str
    format: str | None  # what its signature says
    data: bytes
    picture: Bytes | None = None
    tolerance: int = EXACT
    refusal: type[PictureError] | None = None


def colour(height: int = HEIGHT, width: int = WIDTH) -> Bytes:
    """(H, W, 3): smooth, with a dark corner at the top left and a sharp bar: no turn is like it."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    red, green, blue = 60 + 150 * x, 50 + 170 * y, 200 - 90 * x * y - 60 * y
    picture = np.stack([red, green, blue], axis=-1)
    picture[: height // 4, : width // 3] = (20, 30, 60)
    picture[height * 2 // 3 :, width * 4 // 5 :] = (230, 240, 220)
    rounded: Bytes = np.rint(picture).astype(np.uint8)
    return rounded


def grey(height: int = HEIGHT, width: int = WIDTH) -> Bytes:
    return np.ascontiguousarray(colour(height, width)[..., 1])


def clear(height: int = HEIGHT, width: int = WIDTH) -> Bytes:
    """(H, W) alpha: all of 0 to 255, left to right, with a fully clear row."""
    alpha = np.broadcast_to(np.linspace(0, 255, width).round(), (height, width)).astype(np.uint8)
    alpha = alpha.copy()
    alpha[height // 2] = 0
    return alpha


def wide(picture: Bytes) -> NDArray[np.uint16]:
    """16 bits whose high byte is the picture and whose low byte is anything."""
    low = np.arange(picture.size, dtype=np.uint16).reshape(picture.shape) * 37 % 256
    return picture.astype(np.uint16) * 256 + low


def on_white(picture: Bytes, alpha: Bytes) -> Bytes:
    """Rounded to the nearest level."""
    part = alpha.astype(np.float64) / 255
    part = part if picture.ndim == alpha.ndim else part[..., None]
    mixed: Bytes = np.floor(picture * part + 255 * (1 - part) + 0.5).astype(np.uint8)
    return mixed


def luma(picture: Bytes) -> Bytes:
    """ITU-R 601 in the 16 fractional bits that Pillow uses."""
    if picture.ndim == 2:
        return picture
    parts = picture.astype(np.int64) @ np.array([19595, 38470, 7471])
    levels: Bytes = ((parts + 0x8000) >> 16).astype(np.uint8)
    return levels


def turned(picture: Samples, orientation: int) -> Samples:
    """What is stored, so that EXIF's orientation gives `picture` (TIFF 6.0, tag 274).

    The tag says which sides of the picture the first row and the first column are.
    """
    row, column = _SIDES[orientation]
    stored = picture.swapaxes(0, 1) if row in ("left", "right") else picture
    stored = stored[::-1] if row in ("bottom", "right") else stored
    stored = stored[:, ::-1] if column in ("bottom", "right") else stored
    return np.ascontiguousarray(stored)


def exif(orientation: int) -> bytes:
    """One entry of TIFF, big endian."""
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + orientation.to_bytes(2, "big") + b"\0\0"
    return b"MM\0*\0\0\0\x08\0\x01" + entry + b"\0\0\0\0"


def damaged(case: Case, *, whole: int | None = None) -> list[Case]:
    """Cut at 25, 50 and 90 % and by its last bytes; bytes behind its end do no harm.

    `whole`: the bytes that the picture needs; default all.
    """
    need = len(case.data) if whole is None else whole
    ends = {f"cut at {part} %": need * part // 100 for part in (25, 50, 90)}
    ends |= {"without its last byte": need - 1, "without its last 5 bytes": need - 5}
    cuts = [
        Case(
            name=f"{case.name}, {what}",
            format=case.format,
            data=case.data[:end],
            refusal=BrokenPicture,
        )
        for what, end in ends.items()
    ]
    more = Case(
        name=f"{case.name}, bytes behind it",
        format=case.format,
        data=case.data + b"\0more\xff\xd9\xff\xd8 bytes" * 9,
        picture=case.picture,
        tolerance=case.tolerance,
    )
    return [*cuts, more]
