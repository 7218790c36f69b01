"""The rectangle of a picture into the model's: squeezed, cropped or with bars."""

import numpy as np
from PIL import Image

from contract.reading.rules import Fit
from contract.reading.tones import Planes

_BILINEAR = Image.Resampling.BILINEAR
Size = tuple[int, int]  # width, height


def into_shape(planes: Planes, *, height: int, width: int, fit: Fit) -> Planes:
    """(C, height, width), bilinear over all pixels of the area; the exact size stays as it is.

    `squeeze` takes the whole picture; `crop` what is left of it when its shorter side fits;
    `pad` the whole one with its aspect kept, in the middle of black.
    """
    rows, columns = planes.shape[1:]
    if (rows, columns) == (height, width):
        return planes
    inner = covered((columns, rows), (width, height), fit)
    box = (0.0, 0.0, float(columns), float(rows))
    if fit == "crop":
        box = _centre(columns, rows, width / height)
    fitted = np.stack([_resized(plane, inner, box) for plane in planes])
    return _on_black(fitted, height, width) if inner != (width, height) else fitted


def covered(size: Size, target: Size, fit: Fit) -> Size:
    """What a picture of `size` fills of the target: all of it, but with `pad`."""
    if fit != "pad":
        return target
    scale = min(target[0] / size[0], target[1] / size[1])
    return tuple(  # type: ignore[return-value]  # two of two
        min(most, max(1, round(side * scale))) for side, most in zip(size, target, strict=True)
    )


def _centre(columns: int, rows: int, aspect: float) -> tuple[float, float, float, float]:
    """The largest box of this aspect (width / height) in the middle."""
    width, height = min(columns, rows * aspect), min(rows, columns / aspect)
    left, top = (columns - width) / 2, (rows - height) / 2
    return left, top, min(left + width, columns), min(top + height, rows)


def _on_black(planes: Planes, height: int, width: int) -> Planes:
    channels, rows, columns = planes.shape
    sheet = np.zeros((channels, height, width), np.uint8)
    top, left = (height - rows) // 2, (width - columns) // 2
    sheet[:, top : top + rows, left : left + columns] = planes
    return sheet


def _resized(plane: Planes, size: Size, box: tuple[float, float, float, float]) -> Planes:
    image = Image.fromarray(np.ascontiguousarray(plane))
    return np.asarray(image.resize(size, _BILINEAR, box=box))
