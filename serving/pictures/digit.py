"""A drawn or photographed digit → what MNIST is made of: a box of 20 px, centred by mass on 28.

ink.py finds the strokes; here they are cropped, with their aspect kept, anti-aliased into a box of
20/28 of the side, and placed so that their centre of mass is the image's middle.
(LeCun, Cortes, Burges, "The MNIST database of handwritten digits".)
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from serving.pictures.ink import find_ink

Plane = NDArray[np.uint8]  # (H, W)

BOX, SHEET = 20, 28  # MNIST's ink box inside its image
LONGEST_SIDE = 640  # px worked on; a larger picture is averaged down first
THIN = 1.6  # px in the box: MNIST's strokes are wider, and a fine pen's would fade
GROW = 4  # times the box: where thin strokes are widened
FAINT = 64.0  # a peak below this is not stretched to white any further


def fit_digit(grey: Plane, *, height: int, width: int) -> Plane:
    """Frame the digit as MNIST does; a sheet without ink becomes all black."""
    ink = find_ink(_averaged_down(grey))
    if not ink.any():
        return np.zeros((height, width), np.uint8)
    side = max(1, round(min(height, width) * BOX / SHEET))
    return _centred(_boxed(ink, side), height=height, width=width)


def _averaged_down(grey: Plane) -> Plane:
    factor = -(-max(grey.shape) // LONGEST_SIDE)
    return grey if factor == 1 else np.asarray(Image.fromarray(grey).reduce(factor))


def _boxed(ink: Plane, side: int) -> Plane:
    """Anti-aliased so that the longer side is `side` px; strokes too thin for that are widened."""
    image = Image.fromarray(ink)
    scale = side / max(ink.shape)
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    missing = THIN - _stroke_width(ink) * scale
    if missing > 0 and scale < 1:
        image = image.resize((size[0] * GROW, size[1] * GROW), Image.Resampling.BOX)
        image = image.filter(ImageFilter.MaxFilter(2 * round(missing * GROW / 2) + 1))
    box = np.asarray(image.resize(size, Image.Resampling.BICUBIC), np.float32)
    return (box * (255 / max(float(np.percentile(box, 98)), FAINT))).clip(0, 255).astype(np.uint8)


def _stroke_width(ink: Plane) -> float:
    """Twice area over outline, in px."""
    padded = np.pad(ink, 1).astype(np.float32)
    rise, run = np.diff(padded, axis=0)[:, 1:], np.diff(padded, axis=1)[1:]
    return 2 * float(padded.sum()) / float(np.hypot(rise, run).sum())


def _centred(box: Plane, *, height: int, width: int) -> Plane:
    """Paste so that the centre of mass falls on pixel (H/2, W/2): (14, 14) for MNIST."""
    sheet = np.zeros((height, width), np.uint8)
    mass = box.astype(np.float64)
    spots = []
    for axis, room in ((1, height), (0, width)):
        profile = mass.sum(axis=axis)
        centre = float(profile @ np.arange(profile.size)) / float(profile.sum())
        spots.append(min(max(round(room / 2 - centre), 0), room - profile.size))
    top, left = spots
    sheet[top : top + box.shape[0], left : left + box.shape[1]] = box
    return sheet
