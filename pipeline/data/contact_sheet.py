"""One picture of a data set: a row of training images for each class."""

import io
import math

import numpy as np
from PIL import Image, ImageDraw

from contract.arrays import Images, Labels
from pipeline.data import lettering

COLUMNS = 12
ROWS = 100  # a picture of more classes would be read by nobody
CELL = 56  # px at least; images are scaled by a whole factor, so that a pixel stays a square
GAP = 4  # px
NAME_SIZE, COUNT_SIZE = 17, 12  # px
INK, FAINT, PAPER = (34, 34, 34), (120, 120, 120), (250, 250, 250)


def contact_sheet(images: Images, labels: Labels, classes: tuple[str, ...]) -> bytes:
    """PNG bytes: the first images of each class; a last line says how many classes are left out."""
    factor = max(CELL // images.shape[2], 1)
    step = images.shape[2] * factor + GAP
    captions = _captions(labels, classes)
    large, small = NAME_SIZE, COUNT_SIZE
    widths = [
        max(
            lettering.font(text, size).getlength(text)
            for text, size in zip(caption, (large, small), strict=True)
        )
        for caption in captions
    ]
    margin = math.ceil(max(widths)) + 4 * GAP
    size = (margin + COLUMNS * step, GAP + len(captions) * step)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    for row, (name, count) in enumerate(captions):
        middle = GAP + row * step + (step - GAP) // 2
        lettering.write(draw, (2 * GAP, middle), name, size=large, fill=INK, anchor="ls")
        lettering.write(draw, (2 * GAP, middle + GAP), count, size=small, fill=FAINT)
        if row < ROWS:
            row_of = images[np.flatnonzero(labels == row)[:COLUMNS]]
            for column, image in enumerate(row_of):
                sheet.paste(_tile(image, factor), (margin + column * step, GAP + row * step))
    content = io.BytesIO()
    sheet.save(content, "PNG")
    return content.getvalue()


def _captions(labels: Labels, classes: tuple[str, ...]) -> list[tuple[str, str]]:
    counts = np.bincount(labels, minlength=len(classes)).tolist()
    captions = [
        (name, f"{count:,} images")
        for name, count in zip(lettering.shown(classes), counts, strict=True)
    ]
    if len(classes) <= ROWS:
        return captions
    return [*captions[:ROWS], ("...", f"{len(classes) - ROWS} more classes")]


def _tile(image: Images, factor: int) -> Image.Image:
    pixels = image.transpose(1, 2, 0)  # (H, W, C)
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    size = (picture.width * factor, picture.height * factor)
    return picture.resize(size, Image.Resampling.NEAREST)
