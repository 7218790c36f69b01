"""Images that are not of a model's world, made without a network, for the report alone.

Every set is uint8 (n, C, H, W) of the model's shape, and the same each time. None is among those
that the model was told from its world by (pipeline.export.strangers).
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from PIL import Image, ImageDraw

from contract.arrays import Images
from pipeline.export.world import INK, World, lettered

SEED = 0
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYabcdefghijkmnpqrtuvwxy"  # not O, S, Z, I, l: they look like digits
FONTS = (
    "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "cmr10", "cmss10", "cmtt10", "cmb10",
)  # fmt: skip
TILES = 4  # a side, of shuffled patches
COLOURS = 3

Make = Callable[[World, int, np.random.Generator], Images]


def sets(world: World, *, most: int) -> Iterator[tuple[str, Images]]:
    """At most so many images of each set; one set at a time is held."""
    for name, make in MAKERS.items():
        yield name, make(world, most, np.random.default_rng(SEED))


def letters(world: World, most: int, generator: np.random.Generator) -> Images:
    """Latin letters in the fonts that come with matplotlib, a little turned and sized."""
    return lettered(world, LETTERS, FONTS, most, generator)


def strokes(world: World, most: int, generator: np.random.Generator) -> Images:
    """One to three random curves of a pen, in the middle as figures are."""
    return world.drawn([_scribble(world.side, generator) for _ in range(most)])


def noise(world: World, most: int, generator: np.random.Generator) -> Images:
    return generator.integers(0, 256, (most, *world.shape), dtype=np.uint8)


def constant(world: World, most: int, generator: np.random.Generator) -> Images:
    """One value a channel; the first are black, white and the usual paper."""
    values = generator.integers(0, 256, (most, world.shape[0]), dtype=np.uint8)
    plain = [np.zeros_like(world.paper), np.full_like(world.paper, 255), world.paper]
    values[:3] = plain[:most]
    return np.broadcast_to(values[:, :, None, None], (most, *world.shape)).copy()


def two_in_one(world: World, most: int, generator: np.random.Generator) -> Images:
    """Two images of different classes beside each other, squeezed to half the width."""
    first, second = (world.images[chosen] for chosen in world.pairs(most, generator))
    wide = np.concatenate([first, second], axis=3)
    pairs = wide.reshape(*wide.shape[:3], world.shape[2], 2)
    squeezed: Images = pairs.mean(axis=4).round().astype(np.uint8)
    return squeezed


def shuffled(world: World, most: int, generator: np.random.Generator) -> Images:
    """Sixteen parts of an image in another order."""
    before = world.images[:most]
    images = before.copy()
    height, width = (side // TILES for side in world.shape[1:])
    places = [(row * height, column * width) for row in range(TILES) for column in range(TILES)]
    for one, image in zip(before, images, strict=True):
        for (top, left), at in zip(places, generator.permutation(len(places)), strict=True):
            y, x = places[at]
            part = one[:, y : y + height, x : x + width]
            image[:, top : top + height, left : left + width] = part
    return images


def upside_down(world: World, most: int, _: np.random.Generator) -> Images:
    return np.ascontiguousarray(world.images[:most, :, ::-1, ::-1])


def inverted(world: World, most: int, _: np.random.Generator) -> Images:
    return np.subtract(255, world.images[:most], dtype=np.uint8)


def photos(world: World, most: int, generator: np.random.Generator) -> Images:
    """Parts of the two photographs that come with scikit-learn, reduced by up to four."""
    from sklearn.datasets import load_sample_images  # noqa: PLC0415 - slow to import

    pictures = [Image.fromarray(one) for one in load_sample_images().images]
    _, height, width = world.shape
    found = []
    for at in range(most):
        picture = pictures[at % len(pictures)]
        most_reduced = min(4, picture.height / height, picture.width / width)
        factor = generator.uniform(min(1, most_reduced), most_reduced)
        across, down = int(width * factor), int(height * factor)
        left = int(generator.integers(0, picture.width - across + 1))
        top = int(generator.integers(0, picture.height - down + 1))
        box = (left, top, left + across, top + down)
        found.append(_planes(picture.resize((width, height), Image.Resampling.BOX, box), world))
    return np.stack(found)


def _planes(picture: Image.Image, world: World) -> Images:
    """(C, H, W); grey, where the world has not three channels."""
    channels = world.shape[0]
    if channels == COLOURS:
        return np.asarray(picture).transpose(2, 0, 1)
    return np.repeat(np.asarray(picture.convert("L"))[None], channels, axis=0)


def _scribble(side: int, generator: np.random.Generator) -> Image.Image:
    canvas = Image.new("L", (side, side))
    draw = ImageDraw.Draw(canvas)
    margin = side * (1 - INK) / 2
    for _ in range(generator.integers(1, 4)):
        a, b, c, d = generator.uniform(margin, side - margin, (4, 2))
        t = np.linspace(0, 1, 40)[:, None]
        u = 1 - t
        curve = u**3 * a + 3 * u**2 * t * b + 3 * u * t**2 * c + t**3 * d  # Bezier's cubic
        radius = side * generator.uniform(1.5, 3.5) / 56
        for x, y in curve:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return canvas


MAKERS: Mapping[str, Make] = {
    "letters": letters,
    "strokes": strokes,
    "noise": noise,
    "constant": constant,
    "two_in_one": two_in_one,
    "shuffled": shuffled,
    "upside_down": upside_down,
    "inverted": inverted,
    "photographs": photos,
}
