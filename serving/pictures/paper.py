"""How far each pixel stands off the paper, on the ink's side: even paper, then shaded paper.

Even paper has one grey level, that of the picture's edge. Where that does not explain the picture
(a photograph), a smooth surface tells dark ink from light, and a grey opening follows the shadows.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.uint8]  # (H, W)
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Pick = Callable[[Floats, Floats], Floats]

SIDE = 48  # px of the thumbnail on which paper is distinguished from ink
STROKE = 15  # px of it: ink is narrower, shadows are broader
BROAD = 25  # px of it: no digit's stroke is, not even on a picture cut close
MOSTLY = 0.5
QUIET = 0.15  # of full ink: 6 in 10 pixels of even paper are nearer to it than that
NOISE = 4.0 * 1.4826  # sigmas, out of a median absolute deviation


def off_flat_paper(grey: Plane) -> tuple[Floats, float]:
    """How far each pixel stands off even paper on the ink's side, and how much of that is noise."""
    edge = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    off = np.abs(grey - np.float32(np.median(edge)))
    core = off > otsu(off)
    paper = np.float32(np.median(grey[~core]))
    signed = grey - paper
    ink = signed if core.any() and float(np.median(signed[core])) > 0 else -signed
    return ink.clip(0), _noise(signed[~core])


def is_strokes(ink: Floats, core: Mask) -> bool:
    """Whether even paper explains the picture: quiet beside the ink, and no ink region is broad."""
    if not core.any():
        return False
    full = float(np.median(ink[core]))
    small = _thumb(ink)
    broad = float(_opened(small, BROAD).sum()) / float(small.sum())
    quiet = float(np.percentile(ink[~core], 60)) < QUIET * full
    return quiet and broad < MOSTLY


def off_shaded_paper(grey: Plane) -> tuple[Floats, float]:
    """Likewise off a smooth surface and then off what is broader than a stroke (shadows)."""
    small = _thumb(grey.astype(np.float32))
    bend = small - _smooth_paper(small)
    sign = 1 if float((np.sign(bend) * bend**2).sum()) > 0 else -1
    paper = sign * _opened(sign * small, STROKE)
    height, width = grey.shape
    full = Image.fromarray(paper).resize((width, height), Image.Resampling.BILINEAR)
    signed = sign * (grey - np.asarray(full))
    return signed.clip(0), _noise(signed)


def otsu(values: Floats) -> float:
    """Threshold with the greatest variance between the two classes (Otsu 1979)."""
    least, greatest = float(values.min()), float(values.max())
    if least == greatest:
        return greatest
    counts, edges = np.histogram(values, bins=64, range=(least, greatest))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = sums / below - (sums[-1] - sums) / above
    return float(edges[1:][np.argmax(np.nan_to_num(below * above * gap**2))])


def _noise(paper: Floats) -> float:
    return NOISE * float(np.median(np.abs(paper - np.median(paper))))


def _thumb(plane: Floats) -> Floats:
    size = (SIDE, SIDE)
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BOX))


def _smooth_paper(small: Floats) -> Floats:
    """Fit a quadratic surface by least absolute deviations (reweighted least squares)."""
    y, x = np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 2, indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    target = small.ravel().astype(np.float64)
    fit = np.array([np.median(target), 0, 0, 0, 0, 0])
    for _ in range(12):
        weight = 1 / np.maximum(np.abs(terms @ fit - target), 0.5)
        fit = np.linalg.solve(terms.T @ (terms * weight[:, None]), terms.T @ (weight * target))
    surface: Floats = (terms @ fit).reshape(small.shape).astype(np.float32)
    return surface


def _opened(small: Floats, window: int) -> Floats:
    """Grey opening: without what is brighter and narrower than the window (odd)."""
    padded = np.pad(small, window, mode="edge")
    for axis in (0, 1):
        padded = _over_windows(np.minimum, padded, window, axis)
    for axis in (0, 1):
        padded = _over_windows(np.maximum, padded, window, axis)
    inset = window - 2 * (window // 2)
    opened: Floats = padded[inset:-inset, inset:-inset]
    return opened


def _over_windows(pick: Pick, plane: Floats, window: int, axis: int) -> Floats:
    """Least or greatest over each whole window along one axis, by doubling: log2(window) steps."""
    lines = np.moveaxis(plane, axis, 0)
    covered = 1
    while covered < window:
        step = min(covered, window - covered)
        lines = pick(lines[:-step], lines[step:])
        covered += step
    return np.moveaxis(lines, 0, axis)
