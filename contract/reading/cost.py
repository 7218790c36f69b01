"""What decoding will take, from a file's head alone."""

from contract.reading import decoders, jpeg
from contract.reading.quiet import warnings_ignored
from contract.reading.reader import known_format, least_size
from contract.reading.rules import Rules

BYTES_A_PIXEL = 10  # decoded, converted, as planes
BYTES_A_WEBP_PIXEL = 20  # its decoder keeps two canvases of 4 as well
BYTES_A_COEFFICIENT = 2


def decoding_bytes(data: bytes, *, rules: Rules, shape: tuple[int, int, int]) -> int:
    """Ten bytes for each pixel of what is really decoded; 0 for what cannot be opened.

    WebP takes twenty. A JPEG in several scans adds the coefficients of all of it, whatever the
    scale; one without its end mark is decoded at full size.
    """
    with warnings_ignored():
        try:
            kind = known_format(data, rules)
            if kind == "JPEG":
                return _of_jpeg(data, rules, shape)
            width, height = decoders.size_of(data, kind)
        except Exception:  # noqa: BLE001 - hostile heads: decoding them says what is wrong
            return 0
    return width * height * (BYTES_A_WEBP_PIXEL if kind == "WEBP" else BYTES_A_PIXEL)


def _of_jpeg(data: bytes, rules: Rules, shape: tuple[int, int, int]) -> int:
    image = jpeg.opened(data)
    kept = jpeg.frame(data).samples * BYTES_A_COEFFICIENT if jpeg.is_in_parts(data) else 0
    if rules.jpeg_scaling and not jpeg.lacks_end(data):
        image.draft(None, least_size(image, rules, shape[1:]))
    return image.width * image.height * BYTES_A_PIXEL + kept
