"""A picture turned as its EXIF says (TIFF tag 274), once.

Pillow turns a TIFF itself when it decodes it; AVIF's and HEIF's own turning is in what their
decoders give. XMP's orientation is not looked at.
"""

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

_ORIENTATION = 0x0112
_SIDEWAYS = frozenset({5, 6, 7, 8})
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def is_sideways(image: Image.Image) -> bool:
    """Whether width and height change places."""
    return _orientation(image) in _SIDEWAYS


def upright(image: Image.Image) -> Image.Image:
    """Of a decoded picture; the same object where nothing is to do."""
    turn = None if isinstance(image, TiffImageFile) else _TURNS.get(_orientation(image))
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.info = image.info
    return turned


def _orientation(image: Image.Image) -> int:
    """1 to 8; what cannot be read is upright."""
    exif = Image.Exif()
    try:
        exif.load(image.info["exif"])
        return int(exif.get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - EXIF is anybody's bytes
        return 1
