"""Images that are not of a data set's world, for a model to tell it from: never those of a report.

Outlier exposure (Hendrycks et al. 2019) with what can be drawn or mixed without a network. Every
set is uint8 (n, C, H, W), and the same each time. `pipeline.evaluation.foreign` has the others.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from contract.arrays import Images
from pipeline.export.world import World, lettered

SEED = 7
GLYPHS = "ΓΔΘΛΞΠΣΦΨΩαβγδεζηθλμξπσφχψωБДЖИЙЛФЦШЩЪЫЮЯ#&@%$?!{}[]<>*+=~"
FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSerif-Bold",
    "DejaVuSerif-Italic", "DejaVuSansMono",
)  # fmt: skip

Make = Callable[[World, int, np.random.Generator], Images]


def sets(world: World, *, most: int) -> Iterator[tuple[str, Images]]:
    """At most so many images of each set; one set at a time is held."""
    for name, make in MAKERS.items():
        yield name, make(world, most, np.random.default_rng(SEED))


def shapes(world: World, most: int, generator: np.random.Generator) -> Images:
    """One to three polygons, lines, rectangles and ellipses; a quarter has them swapped."""
    drawn = world.drawn([_shapes(world.side, generator) for _ in range(most)])
    return _some_swapped(drawn, generator)


def glyphs(world: World, most: int, generator: np.random.Generator) -> Images:
    """Letters of other scripts, and signs; a quarter with ink and paper swapped."""
    return _some_swapped(lettered(world, GLYPHS, FONTS, most, generator), generator)


def gaussian(world: World, most: int, generator: np.random.Generator) -> Images:
    """Noise of any mean and spread."""
    spread = generator.uniform(10, 128, (most, 1, 1, 1))
    mean = generator.uniform(0, 255, (most, 1, 1, 1))
    return _pixels(generator.normal(mean, spread, (most, *world.shape)))


def blotches(world: World, most: int, generator: np.random.Generator) -> Images:
    """Noise of many grains and contrasts."""
    found = []
    for _ in range(most):
        grain = generator.uniform(0.02, 0.11) * min(world.shape[1:])
        soft = ndimage.gaussian_filter(generator.normal(size=world.shape), (0, grain, grain))
        soft /= soft.std()
        found.append(128 + soft * generator.uniform(40, 200) - generator.uniform(0, 128))
    return _pixels(np.stack(found))


def gratings(world: World, most: int, generator: np.random.Generator) -> Images:
    """Waves of any direction and length, the same in every channel."""
    _, height, width = world.shape
    rows, columns = np.mgrid[:height, :width]
    angle, pace, phase = (
        generator.uniform(low, high, (most, 1, 1))
        for low, high in ((0, np.pi), (0.05, 0.5), (0, 2 * np.pi))
    )
    along = np.cos(angle) * columns + np.sin(angle) * rows
    waves = 127.5 + 127.5 * np.sin(2 * np.pi * pace * along + phase)
    return _pixels(np.broadcast_to(waves[:, None], (most, *world.shape)))


def overlays(world: World, most: int, generator: np.random.Generator) -> Images:
    """Two images of different classes on each other, one moved: of each pixel, the more inked."""
    first, second = (world.images[chosen] for chosen in world.pairs(most, generator))
    reach = max(1, min(world.shape[1:]) // 4)
    moved = np.stack(
        [np.roll(image, generator.integers(-reach, reach + 1, 2), (1, 2)) for image in second]
    )
    inked: Images = np.maximum(first, moved) if world.ink else np.minimum(first, moved)
    return inked


def halves(world: World, most: int, generator: np.random.Generator) -> Images:
    """Half of one image above or beside the other half of another class's."""
    first, second = (world.images[chosen].copy() for chosen in world.pairs(most, generator))
    _, height, width = world.shape
    beside = generator.random(len(first)) < 0.5  # noqa: PLR2004 - as often as above
    first[beside, :, :, width // 2 :] = second[beside, :, :, width // 2 :]
    first[~beside, :, height // 2 :] = second[~beside, :, height // 2 :]
    return first


def _some_swapped(images: Images, generator: np.random.Generator) -> Images:
    swapped = generator.random(len(images)) < 0.25  # noqa: PLR2004 - a quarter
    images[swapped] = 255 - images[swapped]
    return images


def _shapes(side: int, generator: np.random.Generator) -> Image.Image:
    canvas = Image.new("L", (side, side))
    draw = ImageDraw.Draw(canvas)
    for _ in range(generator.integers(1, 4)):
        points = generator.uniform(side * 0.15, side * 0.85, (generator.integers(3, 6), 2))
        corners = [(float(x), float(y)) for x, y in points]
        box = (*map(float, points.min(axis=0)), *map(float, points.max(axis=0)))
        width = max(1, int(side * generator.uniform(1.5, 3.5) / 28))
        match int(generator.integers(0, 4)):
            case 0:
                draw.polygon(corners, fill=255)
            case 1:
                draw.line(corners, fill=255, width=width, joint="curve")
            case 2:
                draw.rectangle(box, outline=255, width=width)
            case _:
                draw.ellipse(box, outline=255, width=width)
    return canvas


def _pixels(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Images:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


MAKERS: Mapping[str, Make] = {
    "shapes": shapes,
    "glyphs": glyphs,
    "gaussian": gaussian,
    "blotches": blotches,
    "gratings": gratings,
    "overlays": overlays,
    "halves": halves,
}
