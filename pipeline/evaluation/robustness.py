"""Accuracy on changed images: what happens to pictures of this kind between camera and model.

Every change is uint8 (N, C, H, W) to the same shape and depends on nothing but its arguments.
What comes in from outside the image repeats its border, so that any background stays one.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from contract.arrays import Images
from pipeline.data.kinds import Kind

Floats = NDArray[np.floating[Any]]
Change = Callable[[Images, np.random.Generator], Images]

CHUNK = 1024  # images changed at a time: bounds the memory
NOISE_SEED = 0
JPEG_QUALITY = 15
MEANINGS = {
    "blur": "a camera out of focus, or a small picture that was enlarged",
    "grey": "how far the answer hangs on colour alone",
    "inverted": "white on black for black on white: what a scanner or a dark theme gives",
    "jpeg": "a picture that was made small for sending",
    "light": "too short and too long an exposure",
    "noise": "a sensor in the dark",
    "rotation": "a camera or a sheet that was not held straight",
    "shift": "an object that is not in the middle",
}
EIGHT_DIRECTIONS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]


@dataclass(frozen=True)
class Challenge:
    """A kind of change with its strength in words; its accuracy is the mean over `changes`."""

    name: str
    strength: str
    changes: tuple[Change, ...]


def challenges(
    kind: Kind, *, shift: int, rotation: float, noise: float, blur: float
) -> tuple[Challenge, ...]:
    """Units: px, degrees, standard deviation on the 0-1 scale, px of standard deviation.

    Digits are asked for in swapped ink, photos in another light and as JPEG.
    """
    shifts = [partial(shifted, down=shift * y, right=shift * x) for y, x in EIGHT_DIRECTIONS]
    rotations = [partial(rotated, degrees=turn) for turn in (-rotation, rotation)]
    always = [
        Challenge(
            "blur", f"Gaussian, standard deviation {blur:g} px", (partial(blurred, sigma=blur),)
        ),
        Challenge(
            "noise",
            f"Gaussian, standard deviation {noise:g} of 0-1",
            (partial(noisy, sigma=noise),),
        ),
        Challenge("rotation", f"{rotation:g}° to the left and to the right", tuple(rotations)),
        Challenge("shift", f"{shift} px in eight directions", tuple(shifts)),
    ]
    light = Challenge(
        "light",
        "half and twice as bright",
        tuple(partial(lit, factor=factor) for factor in (0.5, 2.0)),
    )
    own = {
        "digits": [Challenge("inverted", "dark and bright swapped", (inverted,))],
        "grey": [light],
        "photos": [
            light,
            Challenge("grey", "no colours", (greyed,)),
            Challenge("jpeg", f"quality {JPEG_QUALITY}", (compressed,)),
        ],
    }
    return tuple(sorted([*always, *own[kind]], key=lambda one: one.name))


def meaning(name: str) -> str:
    """What the accuracy under a challenge says."""
    return MEANINGS[name]


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


def lit(images: Images, _: np.random.Generator, *, factor: float) -> Images:
    return _pixels(images * np.float32(factor))


def greyed(images: Images, _: np.random.Generator) -> Images:
    """Three equal channels: luminance by ITU-R BT.601."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)[:, None, None]
    grey = (images * weights).sum(axis=1, keepdims=True)
    return np.repeat(_pixels(grey), 3, axis=1)


def compressed(images: Images, _: np.random.Generator) -> Images:
    """Through a JPEG file and back, each image alone."""
    made = np.empty_like(images)
    for place, image in enumerate(images):
        with io.BytesIO() as file:
            Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(
                file, "JPEG", quality=JPEG_QUALITY
            )
            with Image.open(file) as read:
                made[place] = np.asarray(read).transpose(2, 0, 1)
    return made


def _pixels(values: Floats) -> Images:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
