"""Pictures of pictures: the worst mistakes, learned filters, feature maps layer by layer."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from pipeline.evaluation.limits import Worst
from pipeline.report.drawing import (
    BAD,
    Array,
    axes,
    blank,
    figure,
    picture,
    short,
    show,
    signed,
    spread,
    styled,
)
from pipeline.report.numbers import percent

COLUMNS = 9
FILTERS = 64
LAYERS, ROWS = 16, 10  # of the feature maps
TILE, GAP = 96, 8  # px, a layer's place in the feature maps and the space between two
MAPS = 16  # of a layer
ROOMY = 8  # characters of a layer's name that fit above its column in letters of full size
COLOURS = 3


def worst_mistakes(probabilities: Array, labels: Array, *, most: int) -> list[int]:
    """Indexes of wrong predictions, the most probable first, ties in the order of the images."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    order = np.argsort(-probabilities[wrong].max(axis=1), kind="stable")
    return [int(index) for index in wrong[order[:most]]]


@styled
def mistakes(images: Array, labels: Array, probabilities: Array, classes: Sequence[str]) -> Figure:
    """Each misclassified image (n, C, H, W) with its true class and the prediction."""
    if len(images) == 0:
        drawn = figure(5.0, 1.0)
        drawn.text(0.5, 0.5, "No mistake on the test split.", ha="center", va="center")
        return drawn
    columns = min(COLUMNS, len(images))
    rows = -(-len(images) // columns)
    drawn = figure(max(1.3 * columns, 3.0), 1.65 * rows)
    places = axes(drawn, rows, columns)
    for axis, image, label, row in zip(places, images, labels, probabilities, strict=False):
        answer = int(row.argmax())
        predicted = f"{short(classes[answer])} ({percent(row[answer], decimals=1)})"
        words = f"{short(classes[label])}, predicted\n{predicted}"
        show(axis, picture(image), words, colour=BAD)
    blank(places[len(images) :])
    return drawn


@styled
def strangers(worst: Sequence[Worst], classes: Sequence[str]) -> Figure:
    """Foreign images that were let through: their set, familiarity and answer."""
    if not worst:
        drawn = figure(5.0, 1.0)
        drawn.text(0.5, 0.5, "No foreign image was let through.", ha="center", va="center")
        return drawn
    columns = min(COLUMNS, len(worst))
    rows = -(-len(worst) // columns)
    drawn = figure(max(1.3 * columns, 3.0), 1.8 * rows)
    places = axes(drawn, rows, columns)
    for axis, one in zip(places, worst, strict=False):
        answer = f"{short(classes[one.label])} ({percent(one.probability, decimals=1)})"
        words = f"{one.set.replace('_', ' ')}\nfamiliarity {one.familiarity:.2f}\n{answer}"
        show(axis, picture(one.image), words, colour=BAD)
    blank(places[len(worst) :])
    return drawn


@styled
def filters(kernels: Array) -> Figure:
    """First-layer kernels (filters, channels, kh, kw): in colour for three channels."""
    shown = kernels[:FILTERS]
    columns = min(len(shown), 8)
    rows = -(-len(shown) // columns)
    drawn = figure(1.0 * columns + 0.2, 1.15 * rows + 0.2)
    places = axes(drawn, rows, columns)
    for number, (axis, kernel) in enumerate(zip(places, shown, strict=False), start=1):
        show(axis, _kernel(kernel), str(number))
    blank(places[len(shown) :])
    return drawn


def _kernel(kernel: Array) -> Array:
    if len(kernel) != COLOURS:
        return signed(kernel.mean(axis=0))
    greatest = float(np.abs(kernel).max()) or 1.0
    return np.rint(np.moveaxis(127.5 + 127.5 * kernel / greatest, 0, 2)).astype(np.uint8)


@styled
def feature_maps(images: Array, names: Sequence[str], activations: Mapping[str, Array]) -> Figure:
    """A row for each image (n, C, H, W) with its name; a column for each layer (n, …)."""
    rows = spread(len(images), ROWS)
    layers = [list(activations)[place] for place in spread(len(activations), LAYERS)]
    step = TILE + GAP
    canvas = np.zeros((len(rows) * step, (len(layers) + 1) * step, 4), np.uint8)
    for row, index in enumerate(rows):
        opaque = np.insert(picture(images[index]), 3, 255, axis=2)
        tiles = [opaque, *(signed(_mosaic(activations[layer][index])) for layer in layers)]
        for column, tile in enumerate(tiles):
            _paste(canvas, tile, row * step, column * step)
    drawn = figure((len(layers) + 1) * 0.95 + 0.6, len(rows) * 0.95 + 0.5)
    (axis,) = axes(drawn)
    axis.imshow(canvas)
    axis.grid(visible=False)
    ticks = [place * step + TILE / 2 for place in range(len(layers) + 1)]
    titles = ["image", *map(short, layers)]
    axis.set_xticks(ticks, titles, fontsize=10 if max(map(len, titles)) <= ROOMY else 7)
    axis.set_yticks(
        [place * step + TILE / 2 for place in range(len(rows))],
        [short(names[index]) for index in rows],
        fontsize=11,
    )
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
    return drawn


def _mosaic(values: Array) -> Array:
    """One layer's activations as one plane: maps (C, H, W) side by side, units (n,) as cells."""
    if values.ndim == 1:
        return _cells(values)
    maps = values[spread(len(values), MAPS)]
    columns = int(np.ceil(np.sqrt(len(maps))))
    stride = -(-max(maps.shape[1:]) * columns // TILE)
    maps = maps[:, ::stride, ::stride]
    rows = -(-len(maps) // columns)
    height, width = maps.shape[1] + 1, maps.shape[2] + 1  # a line of nothing between two maps
    plane = np.zeros((rows * height - 1, columns * width - 1))
    for place, one in enumerate(maps):
        top, left = place // columns * height, place % columns * width
        plane[top : top + height - 1, left : left + width - 1] = one
    return plane


def _cells(values: Array) -> Array:
    """Few units stand below each other; many fill a square."""
    if len(values) <= MAPS:
        return np.repeat(values[:, None], 2, axis=1)
    side = int(np.ceil(np.sqrt(min(len(values), TILE * TILE))))
    cells = np.zeros(side * side)
    cells[: len(values)] = values[: side * side]
    return cells.reshape(side, side)


def _paste(canvas: Array, tile: Array, top: int, left: int) -> None:
    """Enlarge by a whole factor, or thin out, and centre in the TILE x TILE place."""
    stride = -(-max(tile.shape[:2]) // TILE)
    tile = tile[::stride, ::stride]
    factor = TILE // max(tile.shape[:2])
    tile = tile.repeat(factor, axis=0).repeat(factor, axis=1)
    top, left = top + (TILE - tile.shape[0]) // 2, left + (TILE - tile.shape[1]) // 2
    canvas[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
