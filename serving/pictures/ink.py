"""Where the ink is: strokes lighter than what surrounds them, whichever way round the picture was.

paper.py says how far each pixel stands off the paper. What stands off far enough is the core of
the strokes; specks go, soft edges come back. A dark card around a light digit is looked into.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from serving.pictures.paper import Floats, Plane, is_strokes, off_flat_paper, off_shaded_paper, otsu

Mask = NDArray[np.bool_]

LEAST_CONTRAST = 12.0  # grey levels between paper and ink; below it the sheet is blank
SOFT = 1 / 12  # of full ink: less than that is not an edge but what JPEG leaves around one
MARGIN = 20  # th of the digit's side: how far a soft edge may reach
LABEL_SIDE = 96  # px of the thumbnail on which specks are distinguished from strokes
SPECK = 0.06  # of the largest stroke's area
CARD = 0.8  # of the frame: with as much ink there, it is a card
LEAST_CARD = 10  # px


def find_ink(grey: Plane) -> Plane:
    """255 is full ink, whichever way round the picture was; cropped, or all zeros where none is."""
    ink, noise = off_flat_paper(grey)
    core = _core(ink, noise)
    if _framed(core[_box(core)]):
        inside = off_flat_paper(_inside(grey[_box(core)]))
        if _core(*inside).any():  # else it was no card but a broad stroke
            ink, noise = inside
            core = _core(ink, noise)
    elif not is_strokes(ink, core):
        ink, noise = off_shaded_paper(grey)
        core = _core(ink, noise)
    return _strokes(ink, core, noise) if core.any() else np.zeros_like(grey)


def _strokes(ink: Floats, core: Mask, noise: float) -> Plane:
    full = float(np.percentile(ink[core], 60))
    strokes = _grown(core) & (ink > max(noise, full * SOFT))
    values = np.where(strokes, ink, 0)[_box(strokes)] * (255 / full)
    return values.clip(0, 255).astype(np.uint8)


def _core(ink: Floats, noise: float) -> Mask:
    core = ink > max(otsu(ink), noise, LEAST_CONTRAST)
    return core & _without_specks(core) if core.any() else core


def _without_specks(core: Mask) -> Mask:
    """Where components of a size with the largest are (seen on a thumbnail)."""
    height, width = core.shape
    factor = -(-max(height, width) // LABEL_SIDE)
    image = Image.fromarray(core.astype(np.uint8) * 255)
    labels = _components(np.asarray(image.reduce(factor)) > 0)
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    kept = (areas >= SPECK * areas.max())[labels].astype(np.uint8)
    return np.repeat(np.repeat(kept, factor, 0), factor, 1)[:height, :width] > 0


def _components(mask: Mask) -> NDArray[np.int64]:
    """Label 8-connected components: the greatest index spreads; 0 is background."""
    height, width = mask.shape
    labels = np.zeros((height + 2, width + 2), np.int64)
    labels[1:-1, 1:-1] = np.arange(1, mask.size + 1).reshape(mask.shape) * mask
    while True:
        rows = np.maximum(np.maximum(labels[:-2], labels[2:]), labels[1:-1])
        spread = np.maximum(np.maximum(rows[:, :-2], rows[:, 2:]), rows[:, 1:-1]) * mask
        jumped: NDArray[np.int64] = np.concatenate([[0], spread.ravel()])[spread]
        if np.array_equal(jumped, labels[1:-1, 1:-1]):
            return jumped
        labels[1:-1, 1:-1] = np.maximum(jumped, spread)


def _grown(core: Mask) -> Mask:
    """With the strokes' soft edges: a margin of a part of the digit."""
    rows, columns = core.any(axis=1), core.any(axis=0)
    margin = max(1, max(int(rows.sum()), int(columns.sum())) // MARGIN)
    image = Image.fromarray(core.astype(np.uint8) * 255)
    return np.asarray(image.filter(ImageFilter.BoxBlur(margin))) > 0


def _box(mask: Mask) -> tuple[slice, slice]:
    return _span(mask, axis=1), _span(mask, axis=0)


def _span(mask: Mask, *, axis: int) -> slice:
    places = np.flatnonzero(mask.any(axis=axis))
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)


def _inside(card: Plane) -> Plane:
    inset = 2 + min(card.shape) // 40
    return np.ascontiguousarray(card[inset:-inset, inset:-inset])


def _framed(box: Mask) -> bool:
    """Whether the box's own frame is ink all round: no digit does that, a dark card does."""
    if min(box.shape) < LEAST_CARD:
        return False
    inset = box[1:-1, 1:-1]
    sides = (inset[0], inset[-1], inset[:, 0], inset[:, -1])
    return all(float(side.mean()) > CARD for side in sides)
