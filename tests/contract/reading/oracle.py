"""The model's rectangle by the book: a triangle filter over the source, in floating point."""

import numpy as np
from numpy.typing import NDArray

from tests.contract.reading.case import Bytes, luma

Floats = NDArray[np.float64]


def expected(picture: Bytes, shape: tuple[int, int, int], fit: str) -> Floats:
    """(C, H, W) before rounding, of an upright picture (H, W) or (H, W, 3)."""
    channels, height, width = shape
    plane = luma(picture) if channels == 1 else picture
    planes = np.atleast_3d(plane).astype(np.float64)
    planes = np.repeat(planes, channels // planes.shape[-1], axis=-1)
    rows, columns = planes.shape[:2]
    if fit == "pad":
        scale = min(width / columns, height / rows)
        inner = max(1, round(rows * scale)), max(1, round(columns * scale))
        sheet = np.zeros((height, width, channels))
        top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
        sheet[top : top + inner[0], left : left + inner[1]] = _resized(
            planes, inner, (0, rows), (0, columns)
        )
    else:
        tall, broad = float(rows), float(columns)
        if fit == "crop":
            tall, broad = min(rows, columns * height / width), min(columns, rows * width / height)
        top_, left_ = (rows - tall) / 2, (columns - broad) / 2
        box = (top_, top_ + tall), (left_, left_ + broad)
        sheet = _resized(planes, (height, width), *box)
    return np.moveaxis(sheet, -1, 0)


def _resized(
    planes: Floats, size: tuple[int, int], rows: tuple[float, float], columns: tuple[float, float]
) -> Floats:
    down = _weights(planes.shape[0], size[0], *rows)
    across = _weights(planes.shape[1], size[1], *columns)
    fitted: Floats = across @ np.tensordot(down, planes, axes=1)
    return fitted


def _weights(source: int, target: int, start: float, end: float) -> Floats:
    """(target, source): a triangle of one target pixel's reach, at least one source pixel's."""
    scale = (end - start) / target
    reach = max(scale, 1.0)
    centres = start + (np.arange(target) + 0.5) * scale
    far = np.abs(np.arange(source) + 0.5 - centres[:, None]) / reach
    weights = np.maximum(0.0, 1.0 - far)
    total: Floats = weights / weights.sum(axis=1, keepdims=True)
    return total
