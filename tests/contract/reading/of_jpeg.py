"""JPEG files: colour, sampling, scans, EXIF, and everything that a file may have lost."""

import io
import re
from collections.abc import Iterator

import numpy as np
from PIL import Image

from contract.reading.errors import BrokenPicture
from tests.contract.reading.case import (
    COARSE,
    LOSSY,
    Bytes,
    Case,
    colour,
    damaged,
    exif,
    grey,
    turned,
)

END = b"\xff\xd9"
LARGE = (420, 600)  # rows and columns: reduced by DCT at the sizes tests ask for


def jpeg(picture: Bytes, *, mode: str | None = None, **options: object) -> bytes:
    """Written by Pillow; `mode` CMYK takes four bands as they are."""
    file = io.BytesIO()
    image = Image.frombytes(mode, picture.shape[1::-1], picture.tobytes()) if mode else None
    (image or Image.fromarray(picture)).save(file, "JPEG", **{"quality": 92, **options})
    return file.getvalue()


def inks(picture: Bytes) -> Bytes:
    """(H, W, 4) cyan, magenta, yellow and some black, which give `picture` again."""
    black = (255 - picture.max(axis=-1, keepdims=True)) // 2
    white = 255.0 - black
    rest = 255 - np.minimum(255, np.rint(picture * 255.0 / white))
    return np.concatenate([rest, black], axis=-1).astype(np.uint8)


def cases() -> Iterator[Case]:
    yield from _kinds()
    yield from _inks()
    yield from _orientations()
    yield from _losses()
    yield from _cut_scans()


def _case(name: str, data: bytes, picture: Bytes, tolerance: int = LOSSY) -> Case:
    return Case(name=f"JPEG {name}", format="JPEG", data=data, picture=picture, tolerance=tolerance)


def _kinds() -> Iterator[Case]:
    rgb, plain = colour(), grey()
    for sampling in ("4:4:4", "4:2:2", "4:2:0"):
        for progressive in (False, True):
            words = f"{sampling}{' progressive' if progressive else ''}"
            data = jpeg(rgb, subsampling=sampling, progressive=progressive)
            yield _case(words, data, rgb)
    yield _case("grey", jpeg(plain), plain)
    yield _case("grey progressive", jpeg(plain, progressive=True), plain)
    yield _case("restarts", jpeg(rgb, restart_marker_blocks=2), rgb)
    yield _case("kept rgb", jpeg(rgb, keep_rgb=True), rgb)
    yield _case("several pictures", several(rgb), rgb)
    profile = jpeg(rgb, icc_profile=bytes(200_000), comment=b"\xff\xd9 no end", exif=b"broken")
    yield _case("profile, comment and broken EXIF", profile, rgb)
    tall, wide = colour(600, 40), colour(30, 700)
    yield _case("40 by 600", jpeg(tall), tall)
    yield _case("700 by 30", jpeg(wide), wide)
    yield _case("1 by 1", jpeg(colour(2, 2)[:1, :1]), colour(2, 2)[:1, :1])


def several(picture: Bytes) -> bytes:
    """A multi-picture file (MPO), as phones write."""
    file = io.BytesIO()
    other = Image.fromarray(255 - picture)
    Image.fromarray(picture).save(file, "MPO", save_all=True, append_images=[other])
    return file.getvalue()


def _inks() -> Iterator[Case]:
    rgb = colour()
    four = inks(rgb)
    data = jpeg(four, mode="CMYK")
    yield _case("CMYK inverted by Adobe", data, rgb, COARSE)
    yield _case("CMYK progressive", jpeg(four, mode="CMYK", progressive=True), rgb, COARSE)
    adobe = re.search(rb"\xff\xee\0\x0eAdobe.{7}", data, re.DOTALL)
    if adobe is None:
        raise LookupError("Pillow wrote a CMYK JPEG without Adobe's marker")
    unmarked = data.replace(adobe[0], b"")
    yield _case("CMYK without Adobe's marker", unmarked, rgb, COARSE)
    yield _case("YCCK", ycck(four), rgb, COARSE)
    large = inks(colour(*LARGE))
    yield _case("CMYK large", jpeg(large, mode="CMYK"), colour(*LARGE), COARSE)


def ycck(four: Bytes) -> bytes:
    """Inks as Adobe stores them with transform 2: libjpeg gives all four inverted."""
    ycc = np.asarray(Image.fromarray(four[..., :3]).convert("YCbCr"))
    # Pillow inverts what it writes as CMYK, and marks it as not transformed
    stored = 255 - np.dstack([ycc, 255 - four[..., 3]])
    data = bytearray(jpeg(stored.astype(np.uint8), mode="CMYK", subsampling=0))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def _orientations() -> Iterator[Case]:
    for orientation in range(1, 9):
        tag = b"Exif\0\0" + exif(orientation)
        for name, picture in (("rgb", colour()), ("grey", grey())):
            data = jpeg(turned(picture, orientation), exif=tag)
            yield _case(f"{name} orientation {orientation}", data, picture)
        large = colour(*LARGE)
        data = jpeg(turned(large, orientation), exif=tag, progressive=orientation % 2 == 0)
        yield _case(f"large orientation {orientation}", data, large)


def _losses() -> Iterator[Case]:
    rgb = colour()
    large = colour(*LARGE)
    for name, picture, options in (
        ("baseline", rgb, {}),
        ("progressive", rgb, {"progressive": True}),
        ("grey", grey(), {}),
        ("restarts", rgb, {"restart_marker_blocks": 2}),
        ("optimised", rgb, {"optimize": True, "quality": 50}),
        ("large", large, {}),
        ("large progressive", large, {"progressive": True}),
    ):
        whole = _case(name, jpeg(picture, **options), picture)
        no_end = whole.data.removesuffix(END)
        yield _case(f"{name} without its end mark", no_end, picture)
        yield _case(f"{name} with half of its end mark", whole.data[:-1], picture)
        # the last byte before the end mark may hold nothing but fill bits: 4 never do
        yield Case(
            name=f"JPEG {name} without its last 4 bytes of pixels",
            format="JPEG",
            data=no_end[:-4],
            refusal=BrokenPicture,
        )
        yield from (case for case in damaged(whole) if "last byte" not in case.name)
    first = several(rgb)
    length = first.index(END + b"\xff\xd8")
    for part in (25, 50, 90):
        data = first[: length * part // 100]
        yield Case(name=f"JPEG several, cut at {part} % of the first", format="JPEG", data=data,
                   refusal=BrokenPicture)  # fmt: skip
    yield _case("several, cut in the second", first[: length + 400], rgb)


def _cut_scans() -> Iterator[Case]:
    """Whole scans missing: a decoder would show a blurred or a grey picture."""
    data = jpeg(colour(), progressive=True)
    scans = [found.start() for found in re.finditer(rb"\xff\xda", data)]
    for kept in range(1, len(scans)):
        yield Case(
            name=f"JPEG progressive, {kept} scans of {len(scans)}",
            format="JPEG",
            data=data[: scans[kept]],
            refusal=BrokenPicture,
        )
    head = data[: scans[0]]
    yield Case(name="JPEG without scans", format="JPEG", data=head + END, refusal=BrokenPicture)
    yield Case(name="JPEG of 3 bytes", format="JPEG", data=data[:3], refusal=BrokenPicture)
    flat = jpeg(colour())
    frame = flat.index(b"\xff\xc0")
    for name, at, value in (("12 bits", 4, 12), ("no components", 9, 0), ("no rows", 6, 0)):
        wrong = bytearray(flat)
        wrong[frame + at] = value
        if name == "no rows":
            wrong[frame + 5] = 0
        yield Case(name=f"JPEG {name}", format="JPEG", data=bytes(wrong), refusal=BrokenPicture)
    lossless = flat.replace(b"\xff\xc0", b"\xff\xc3")
    yield Case(name="JPEG lossless", format="JPEG", data=lossless, refusal=BrokenPicture)
