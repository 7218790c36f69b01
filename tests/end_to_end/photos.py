"""Small colour photos of a dog, a cat, a boat and a bird, drawn with noise: the same every time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

CLASSES = ("dog", "cat", "boat", "bird")
EACH = 30  # photos of a class
GREY = (128, 128, 128)
SIDE = 200  # px, of the plane that everything is drawn on
ORIENTATION, TURNED_RIGHT = 0x0112, 6  # EXIF: what a phone writes when it is held upright
Colour = tuple[int, int, int]


class Scene:
    """A plane to draw on, and the dice."""

    def __init__(self, *seed: int) -> None:
        self.dice = np.random.default_rng(seed)
        self.picture = Image.new("RGB", (SIDE, SIDE))
        self.draw = ImageDraw.Draw(self.picture)

    def near(self, *colour: int, spread: int = 25) -> Colour:
        red, green, blue = (
            int(np.clip(part + self.dice.integers(-spread, spread + 1), 0, 255)) for part in colour
        )
        return red, green, blue

    def between(self, low: int, high: int) -> int:
        return int(self.dice.integers(low, high))

    def one_of(self, *colours: Colour) -> Colour:
        return self.near(*colours[self.dice.integers(len(colours))])

    def ground(self, above: Colour, below: Colour, horizon: int) -> None:
        self.draw.rectangle((0, 0, SIDE, SIDE), above)
        self.draw.rectangle((0, horizon, SIDE, SIDE), below)

    def disc(self, x: int, y: int, wide: int, high: int, colour: Colour) -> None:
        self.draw.ellipse((x - wide, y - high, x + wide, y + high), colour)


def dog(scene: Scene) -> None:
    """A head with long hanging ears and a snout, on grass."""
    scene.ground(scene.near(150, 190, 220), scene.near(90, 150, 60), 90)
    fur = scene.one_of((150, 100, 50), (90, 60, 35), (205, 170, 120))
    ears = scene.near(70, 45, 25)
    scene.disc(100, 175, 60, 50, fur)
    scene.disc(100, 95, 48, 52, fur)
    for x in (50, 150):
        scene.disc(x, 105, 18, 45, ears)
    scene.disc(100, 120, 26, 22, scene.near(225, 200, 165))
    for x, y, size in ((80, 80, 6), (120, 80, 6), (100, 110, 10)):
        scene.disc(x, y, size, size, (15, 12, 10))


def cat(scene: Scene) -> None:
    """A head with pointed ears and whiskers, on a carpet."""
    scene.ground(scene.near(200, 185, 165), scene.near(150, 80, 80), 130)
    fur = scene.one_of((120, 120, 125), (225, 140, 60), (50, 50, 55))
    for outer, inner, tip in ((48, 95, 52), (152, 105, 148)):
        scene.draw.polygon([(outer, 80), (inner, 60), (tip, 15)], fur)
    scene.disc(100, 100, 56, 48, fur)
    for x in (78, 122):
        scene.disc(x, 90, 10, 12, scene.near(150, 200, 70))
        scene.disc(x, 90, 3, 10, (10, 10, 10))
    for y in (112, 122, 132):
        scene.draw.line((20, y + 4, 85, y, 115, y, 180, y + 4), (245, 245, 245), 3)


def boat(scene: Scene) -> None:
    """A hull and two sails between sky and sea."""
    scene.ground(scene.near(165, 205, 235), scene.near(30, 80, 130), 135)
    hull = scene.one_of((160, 40, 35), (60, 45, 40), (235, 235, 225))
    scene.draw.polygon([(25, 130), (175, 130), (150, 165), (50, 165)], hull)
    scene.draw.line((100, 130, 100, 15), (70, 50, 30), 5)
    sail = scene.one_of((250, 250, 245), (240, 215, 170))
    scene.draw.polygon([(106, 20), (106, 120), (165, 120)], sail)
    scene.draw.polygon([(94, 35), (94, 120), (45, 120)], sail)


def bird(scene: Scene) -> None:
    """Spread wings before the sky, perhaps over trees."""
    scene.ground(scene.near(140, 190, 235), scene.near(60, 110, 60), scene.between(150, SIDE))
    feathers = scene.one_of((40, 40, 45), (130, 60, 40), (70, 85, 120))
    lift = scene.between(-30, 30)
    for tip, back in ((10, 60), (190, 140)):
        scene.draw.polygon(
            [(100, 85), (tip, 70 - lift), (back, 95 - lift // 2), (100, 115)], feathers
        )
    scene.disc(100, 100, 20, 34, feathers)
    scene.disc(100, 62, 14, 14, feathers)
    scene.draw.polygon([(94, 52), (106, 52), (100, 34)], (235, 170, 40))


DRAWN: dict[str, Callable[[Scene], None]] = {"dog": dog, "cat": cat, "boat": boat, "bird": bird}


def photo(name: str, number: int) -> Image.Image:
    """One picture of its own size, framing, light and grain."""
    scene = Scene(CLASSES.index(name), number)
    DRAWN[name](scene)
    dice = scene.dice
    left, top, right, bottom = (int(cut) for cut in dice.integers(0, 25, 4))
    wide, high = (int(side) for side in dice.integers((80, 60), (240, 180)))
    framed = scene.picture.crop((left, top, SIDE - right, SIDE - bottom))
    framed = framed.rotate(dice.uniform(-8, 8), Image.Resampling.BILINEAR, fillcolor=GREY)
    framed = framed.resize((wide, high)).filter(ImageFilter.GaussianBlur(dice.uniform(0, 1.2)))
    slope = np.linspace(dice.uniform(-0.15, 0.15), dice.uniform(-0.15, 0.15), wide)[:, None]
    light = dice.uniform(0.65, 1.2) + slope  # (wide, 1)
    grain = dice.normal(0, 14, (high, wide, 3))
    return Image.fromarray(np.clip(np.asarray(framed) * light + grain, 0, 255).astype(np.uint8))


def save(folder: Path) -> None:
    """A folder per class below `folder`: an upright JPEG, one on its side, a PNG, and so on."""
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for number in range(EACH):
            picture, stem = photo(name, number), folder / name / f"IMG_{number:04}"
            if number % 3 == 2:
                picture.save(stem.with_suffix(".png"))
            elif number % 3 == 1:
                exif = Image.Exif()
                exif[ORIENTATION] = TURNED_RIGHT
                turned = picture.transpose(Image.Transpose.ROTATE_90)
                turned.save(stem.with_suffix(".jpg"), exif=exif, quality=88)
            else:
                picture.save(stem.with_suffix(".jpg"), quality=88)
