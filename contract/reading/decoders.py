"""From a format's name to the one decoder that opens it, within the cap on pixels."""

import importlib
import io
from collections.abc import Callable, Iterable

from PIL import Image, features
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from contract.reading import jpeg, png, pnm, webp
from contract.reading.errors import MissingDecoder, TooManyPixels, damaged

Size = tuple[int, int]  # width, height

_FEATURES = {"JPEG": "jpg", "WEBP": "webp", "AVIF": "avif", "PNG": "zlib"}  # optional in Pillow


def opened(data: bytes, kind: str, *, most: int) -> Image.Image:
    """Read the head alone, but for PNG and PNM; raises a PictureError or what Pillow does.

    A size above `most` pixels raises TooManyPixels before anything is decoded.
    """
    if kind in _HEADS:
        _check(_HEADS[kind](data), most)
    if not can_read(kind):
        raise _missing(kind)
    try:
        image = _PLUGINS[kind](data)
    except Image.DecompressionBombError:
        raise TooManyPixels(f"a picture of too many pixels: up to {most:,} are read") from None
    _check(image.size, most)
    return image


def size_of(data: bytes, kind: str) -> Size:
    """Width and height as stored, from the head alone."""
    if kind in _HEADS:
        return _HEADS[kind](data)
    if not can_read(kind):
        raise _missing(kind)
    return _PLUGINS[kind](data).size


def can_read(kind: str) -> bool:
    """Whether this installation has a decoder for the format."""
    if kind == "HEIF":
        try:
            _heif_plugin()
        except ImportError:
            return False
        return True
    return kind in _PLUGINS and (kind not in _FEATURES or bool(features.check(_FEATURES[kind])))


def unreadable(kinds: Iterable[str]) -> list[str]:
    """Those of `kinds` that nothing here decodes."""
    return [kind for kind in kinds if not can_read(kind)]


def _check(size: Size, most: int) -> None:
    if size[0] * size[1] > most:
        raise TooManyPixels(
            f"a picture of {size[0]} by {size[1]} pixels: up to {most:,} in all are read"
        )


def _missing(kind: str) -> MissingDecoder:
    if kind == "HEIF":
        return MissingDecoder(
            "this is a HEIF (HEIC) file, and its decoder is not installed: "
            "pip install 'convnet-pipeline[heif]', or convert the file to JPEG or PNG"
        )
    return MissingDecoder(
        f"this is a {kind} file, and the Pillow installed here has no decoder for it: "
        "install Pillow's own wheel, or convert the file to PNG"
    )


def _heif_plugin() -> Callable[[io.BytesIO], Image.Image]:
    """An extra, imported where it is needed; raises ImportError."""
    for name in ("pillow_heif", "_pillow_heif"):  # the plugin alone complains when it is used
        importlib.import_module(name)
    plugin: Callable[[io.BytesIO], Image.Image] = importlib.import_module(
        "pillow_heif.as_plugin"
    ).HeifImageFile
    return plugin


def _pnm_size(data: bytes) -> Size:
    head = pnm.head(data)
    if head is None:
        raise damaged("PBM, PGM or PPM", "no head")
    return head.size


_HEADS: dict[str, Callable[[bytes], Size]] = {
    "PNG": png.size,
    "JPEG": lambda data: jpeg.frame(data).size,
    "WEBP": webp.size,
    "PPM": _pnm_size,
}
_PLUGINS: dict[str, Callable[[bytes], Image.Image]] = {
    "PNG": png.decoded,
    "JPEG": jpeg.opened,
    "WEBP": lambda data: WebPImageFile(io.BytesIO(data)),
    "AVIF": lambda data: AvifImageFile(io.BytesIO(data)),
    "BMP": lambda data: BmpImageFile(io.BytesIO(data)),
    "GIF": lambda data: GifImageFile(io.BytesIO(data)),
    "TIFF": lambda data: TiffImageFile(io.BytesIO(data)),
    "PPM": pnm.decoded,
    "HEIF": lambda data: _heif_plugin()(io.BytesIO(data)),
}
