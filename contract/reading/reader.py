"""File bytes → uint8 (C, H, W): the one reader of training, of every door and of feedback.

bytes ─► format by signature ─► size against the cap ─► decoded, all of it ─► upright ─► 8 bit
      ─► alpha onto paper ─► grey or RGB ─► the model's rectangle
"""

from PIL import Image

from contract.reading import decoders, jpeg, png, wholeness
from contract.reading.errors import PictureError, UnknownFormat, damaged
from contract.reading.quiet import warnings_ignored
from contract.reading.rules import Rules
from contract.reading.shaping import covered, into_shape
from contract.reading.signatures import format_of
from contract.reading.tones import Alpha, Planes, eight_bit
from contract.reading.upright import is_sideways, upright

__all__ = ["flatten", "into_shape", "read"]

_LONGEST_REASON = 100  # characters of Pillow's


def read(
    data: bytes, *, rules: Rules, shape: tuple[int, int, int], max_pixels: int | None = None
) -> Planes:
    """The picture as a model of `shape` (C, H, W) takes it; `max_pixels` only lowers the cap.

    C is 1 (grey) or 3 (RGB). Raises a PictureError, whatever the bytes are.
    """
    channels, height, width = shape
    if channels == 1 and height * width <= _cap(rules, max_pixels):
        plain = png.plain_grey(data, height=height, width=width)
        if plain is not None and "PNG" in rules.formats:
            return plain[None]
    planes = flatten(
        data,
        rules=rules,
        channels=channels,
        target=(height, width),
        alpha="ink" if rules.alpha == "ink_if_plain" else "paper",
        max_pixels=max_pixels,
    )
    return into_shape(planes, height=height, width=width, fit=rules.fit)


def flatten(  # noqa: PLR0913 - independent choices
    data: bytes,
    *,
    rules: Rules,
    channels: int,
    target: tuple[int, int] | None,
    alpha: Alpha,
    max_pixels: int | None = None,
) -> Planes:
    """(channels, H', W') upright and in 8 bits, of its own size, or of one that is enough.

    `target` (height, width) lets a JPEG be decoded smaller, where the rules say so. Raises a
    PictureError, whatever the bytes are.
    """
    if channels not in (1, 3):
        raise ValueError(f"channels={channels}: pictures give 1 (grey) or 3 (RGB)")
    kind = known_format(data, rules)
    with warnings_ignored():
        try:
            most = _cap(rules, max_pixels)
            # nested: what one step made is freed in the next, which large pictures need
            return eight_bit(
                upright(_decoded(data, kind, rules, target, most)), channels=channels, alpha=alpha
            )
        except PictureError:
            raise
        except Exception as error:  # noqa: BLE001 - Pillow raises a dozen kinds on broken files
            raise damaged(kind, _reason(error)) from None


def known_format(data: bytes, rules: Rules) -> str:
    """Raise UnknownFormat for what the rules do not read."""
    if not data:
        raise UnknownFormat("the picture is empty: send a whole file")
    kind = format_of(data)
    if kind is None or kind not in rules.formats:
        seen = "not a picture of a known format" if kind is None else f"a {kind} picture"
        raise UnknownFormat(
            f"this is {seen}: {', '.join(rules.formats)} are read; convert it to one of them"
        )
    return kind


def least_size(image: Image.Image, rules: Rules, target: tuple[int, int]) -> jpeg.Size:
    """Width and height, as stored, that a JPEG must be decoded to at least."""
    size, goal = image.size, (target[1], target[0])
    if is_sideways(image):
        size = (size[1], size[0])
        width, height = covered(size, goal, rules.fit)
        return 2 * height, 2 * width
    width, height = covered(size, goal, rules.fit)
    return 2 * width, 2 * height


def _cap(rules: Rules, max_pixels: int | None) -> int:
    return rules.max_pixels if max_pixels is None else min(rules.max_pixels, max_pixels)


def _decoded(
    data: bytes, kind: str, rules: Rules, target: tuple[int, int] | None, most: int
) -> Image.Image:
    image = decoders.opened(data, kind, most=most)
    wholeness.check(data, kind)
    if kind != "JPEG":
        image.load()
        return image
    least = least_size(image, rules, target) if target and rules.jpeg_scaling else None
    image.draft(None, least)
    try:
        image.load()
    except OSError:
        return jpeg.completed(data, least)
    return image


def _reason(error: Exception) -> str:
    """Pillow's, where it is a short text."""
    text = str(error)
    is_text = 0 < len(text) <= _LONGEST_REASON and text.isascii() and text.isprintable()
    return text if is_text else "its decoder gave up"
