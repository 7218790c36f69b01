"""How heavy a picture is: the memory that decoding takes, and whether it takes long."""

from typing import NamedTuple

from contract.reading import jpeg
from contract.reading.cost import decoding_bytes
from contract.reading.signatures import format_of
from serving.pictures.fitting import FRAMED_FROM, Way

_LARGE_BYTES = 16 << 20  # of decoding
_LARGE_FILE_BYTES = 2 << 20  # unpacked for long, however small it is made then
_MOST_PASSES = 20_000_000  # samples times scans of a progressive JPEG: a tenth of a second
_START_OF_SCAN = b"\xff\xda"


class Weight(NamedTuple):
    """`is_large`: it takes much, or long."""

    cost_bytes: int
    is_large: bool


def weight_of(picture: bytes, way: Way) -> Weight:
    """Judge it by its head alone."""
    shape = (1, *FRAMED_FROM) if way.may_frame else way.shape
    cost_bytes = decoding_bytes(picture, rules=way.rules, shape=shape)
    is_large = cost_bytes > _LARGE_BYTES or len(picture) > _LARGE_FILE_BYTES
    return Weight(cost_bytes, is_large or _has_many_passes(picture))


def _has_many_passes(picture: bytes) -> bool:
    """Each scan of a JPEG goes over the whole picture again, however few bytes it has."""
    scans = picture.count(_START_OF_SCAN)
    if scans <= 1 or format_of(picture) != "JPEG":
        return False
    try:
        return jpeg.frame(picture).samples * scans > _MOST_PASSES
    except Exception:  # noqa: BLE001 -- hostile heads: decoding them says what is wrong
        return False
