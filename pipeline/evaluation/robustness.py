"""Accuracy on changed images: shifted, rotated, noisy, blurred, with inverted ink.

Every change is uint8 (N, C, H, W) to the same shape and depends on nothing but its arguments.
What comes in from outside the image repeats its border, so that any background stays one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from contract.arrays import Images

Floats = NDArray[np.floating[Any]]
Change = Callable[[Images, np.random.Generator], Images]

CHUNK = 1024  # images changed at a time: bounds the memory
NOISE_SEED = 0
EIGHT_DIRECTIONS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]


@dataclass(frozen=True)
class Challenge:
    """A kind of change with its strength in words; its accuracy is the mean over `changes`."""

    name: str
    strength: str
    changes: tuple[Change, ...]


def challenges(*, shift: int, rotation: float, noise: float, blur: float) -> tuple[Challenge, ...]:
    """Units: px, degrees, standard deviation on the 0-1 scale, px of standard deviation."""
    shifts = [partial(shifted, down=shift * y, right=shift * x) for y, x in EIGHT_DIRECTIONS]
    rotations = [partial(rotated, degrees=turn) for turn in (-rotation, rotation)]
    return (
        Challenge(
            "blur", f"Gaussian, standard deviation {blur:g} px", (partial(blurred, sigma=blur),)
        ),
        Challenge("inverted", "dark and bright swapped", (inverted,)),
        Challenge(
            "noise",
            f"Gaussian, standard deviation {noise:g} of 0-1",
            (partial(noisy, sigma=noise),),
        ),
        Challenge("rotation", f"{rotation:g}° to the left and to the right", tuple(rotations)),
        Challenge("shift", f"{shift} px in eight directions", tuple(shifts)),
    )


def accuracy_under(
    challenge: Challenge,
    predict: Callable[[Images], Floats],
    images: Images,
    labels: NDArray[np.int64],
) -> float:
    """Share of right answers over all images and all changes of the challenge."""
    right = 0
    for change in challenge.changes:
        generator = np.random.default_rng(NOISE_SEED)
        for start in range(0, len(images), CHUNK):
            answers = predict(change(images[start : start + CHUNK], generator)).argmax(axis=1)
            right += int((answers == labels[start : start + CHUNK]).sum())
    return right / (len(challenge.changes) * len(images))


def shifted(images: Images, _: np.random.Generator, *, down: int, right: int) -> Images:
    height, width = images.shape[2:]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return images[:, :, rows[:, None], columns]


def rotated(images: Images, _: np.random.Generator, *, degrees: float) -> Images:
    """Turn anticlockwise about the centre, bilinear."""
    turned = ndimage.rotate(
        images, degrees, axes=(2, 3), reshape=False, order=1, mode="nearest", output=np.float32
    )
    return _pixels(turned)


def noisy(images: Images, generator: np.random.Generator, *, sigma: float) -> Images:
    noise = generator.normal(scale=255 * sigma, size=images.shape)
    return _pixels(images + noise)


def blurred(images: Images, _: np.random.Generator, *, sigma: float) -> Images:
    soft = ndimage.gaussian_filter(images, sigma, axes=(2, 3), mode="nearest", output=np.float32)
    return _pixels(soft)


def inverted(images: Images, _: np.random.Generator) -> Images:
    return np.subtract(255, images, dtype=np.uint8)


def _pixels(values: Floats) -> Images:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
