"""data/feedback: images that people corrected, reviewed; a quarter of them is never trained on.

Files lie as the server wrote them: reviewed/DATASET/LABEL/SHA256.png.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from PIL import Image, UnidentifiedImageError

from contract.arrays import Images
from pipeline.data.arrays import Split
from pipeline.errors import PipelineError

REVIEWED = "reviewed"
HELD_OUT = 4  # one image of so many is kept for evaluation; its name, a hash, says which


class FeedbackError(PipelineError):
    """Reviewed feedback that does not fit the data set."""


@dataclass(frozen=True)
class Feedback:
    train: Split
    held_out: Split


def load(
    root: Path, *, dataset: str, classes: tuple[str, ...], shape: tuple[int, int, int]
) -> Feedback:
    """Feedback on models of this data set; other sets' stays where it is. Raises FeedbackError."""
    parts: dict[bool, list[tuple[Images, int]]] = {False: [], True: []}
    for path in files(root / REVIEWED / dataset):
        parts[int(path.stem[:8], 16) % HELD_OUT == 0].append(
            (read(path, shape), _label(path, classes))
        )
    return Feedback(*(_split(parts[is_held], shape) for is_held in (False, True)))


def none(shape: tuple[int, int, int]) -> Feedback:
    return Feedback(_split([], shape), _split([], shape))


def files(folder: Path) -> Iterator[Path]:
    """Of LABEL/SHA256.png, in an order that only depends on the names."""
    return iter(sorted(folder.glob("*/*.png")))


def label_of(path: Path) -> str:
    return unquote(path.parent.name)


def read(path: Path, shape: tuple[int, int, int]) -> Images:
    """One image (C, H, W); raises FeedbackError."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            pixels = np.asarray(picture)
    except (OSError, ValueError, UnidentifiedImageError) as error:
        raise FeedbackError(f"{path} cannot be read ({error}): remove it") from error
    image = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)  # noqa: PLR2004 - H, W
    if image.shape != shape or image.dtype != np.uint8:
        raise FeedbackError(
            f"{path} is {image.dtype} {list(image.shape)}, and the data set is of uint8 "
            f"{list(shape)}: remove it, or set data.feedback to false"
        )
    return np.ascontiguousarray(image)


def join(split: Split, more: Split) -> Split:
    if len(more) == 0:
        return split
    return Split(
        np.concatenate([split.images, more.images]), np.concatenate([split.labels, more.labels])
    )


def _label(path: Path, classes: tuple[str, ...]) -> int:
    name = label_of(path)
    if name not in classes:
        raise FeedbackError(
            f"{path} is labelled {name!r}, and the classes are {', '.join(classes)}: move it"
        )
    return classes.index(name)


def _split(pairs: list[tuple[Images, int]], shape: tuple[int, int, int]) -> Split:
    images = [image for image, _ in pairs]
    stacked = np.stack(images) if images else np.empty((0, *shape), np.uint8)
    return Split(stacked, np.array([label for _, label in pairs], np.int64))
