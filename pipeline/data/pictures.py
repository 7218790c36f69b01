"""The user's own pictures as uint8 images of one size and colour."""

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.data.arrays import Images, Split
from pipeline.data.decode import Official
from pipeline.data.folder import ByClass, FolderError, listed_files, scan
from pipeline.data.split import Purpose, stratified
from pipeline.files import sha256_of_file, sha256_of_json

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
MAX_PIXELS = 100_000_000  # of one picture
TEST_FRACTION = 0.2
TEST_SEED = 0

Colour: TypeAlias = Literal["rgb", "grey"]


def load(root: Path, *, size: int, colour: Colour) -> Official:
    """Read every picture below `root`; without a test folder a fifth of each class is the test.

    That fifth depends on no parameter, so that any two models of one folder are comparable.
    Raises FolderError that names what is wrong, unreadable pictures all at once.
    """
    layout = scan(root)
    paths = [path for classes in layout.values() for files in classes.values() for path in files]
    pictures = iter(_read_all(paths, size, colour))
    splits = {name: _gather(classes, pictures) for name, classes in layout.items()}
    classes = tuple(layout["train"])
    files = {root.name: _fingerprint(root, paths)}
    if "test" in splits:
        train, test, val = splits["train"], splits["test"], splits.get("val")
        return Official("folder", classes, train, test, val, files)
    whole = splits["train"]
    rest, chosen = stratified(whole.labels, classes, TEST_FRACTION, Purpose.TEST, seed=TEST_SEED)
    train, test = (Split(whole.images[part], whole.labels[part]) for part in (rest, chosen))
    return Official("folder", classes, train, test, None, files)


def read(path: Path, size: int, colour: Colour) -> Images:
    """(C, size, size): upright, alpha on white, 16 bit by its high byte, the first frame.

    The whole picture is scaled to the square, from all of its pixels: a JPEG decoder's own
    reduction is quicker, and other pixels than the server sees. Raises OSError or ValueError.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's about odd metadata; the cap below is ours
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(
                    f"{picture.width}x{picture.height} pixels, and {MAX_PIXELS:,} are allowed"
                )
            flat = _flatten(ImageOps.exif_transpose(picture))
    fitted = flat.convert("RGB" if colour == "rgb" else "L")
    fitted = fitted.resize((size, size), Image.Resampling.BILINEAR)
    pixels = np.asarray(fitted, np.uint8).reshape(size, size, -1)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _flatten(picture: Image.Image) -> Image.Image:
    """Eight bits and no alpha."""
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise ValueError(f"mode {picture.mode}: pixels of 8 or 16 bits are needed")
    if not picture.has_transparency_data:
        return picture.convert("RGB") if picture.mode != "L" else picture
    clear = picture.convert("RGBA")
    paper = Image.new("RGBA", clear.size, "white")
    return Image.alpha_composite(paper, clear).convert("RGB")


def _read_all(paths: list[Path], size: int, colour: Colour) -> list[Images]:
    one = partial(_read_or_reason, size=size, colour=colour)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes outside the interpreter lock
        results = list(pool.map(one, paths))
    bad = [
        f"{path}: {got}" for path, got in zip(paths, results, strict=True) if isinstance(got, str)
    ]
    if bad:
        raise FolderError(
            f"{len(bad)} of {len(paths)} files cannot be read as pictures "
            f"({', '.join(FORMATS)}); mend or remove them:{listed_files(bad)}"
        )
    return [got for got in results if not isinstance(got, str)]


def _read_or_reason(path: Path, size: int, colour: Colour) -> Images | str:
    try:
        return read(path, size, colour)
    except UnidentifiedImageError:
        return "not one of these formats"
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise nearly anything
        return f"{error or type(error).__name__}"


def _gather(classes: ByClass, pictures: Iterator[Images]) -> Split:
    """Take the next pictures, as many as the classes have files."""
    counts = [len(files) for files in classes.values()]
    images = np.stack([next(pictures) for _ in range(sum(counts))])
    return Split(images, np.repeat(np.arange(len(counts)), counts))


def _fingerprint(root: Path, paths: list[Path]) -> str:
    """One hash of all names and contents."""
    return sha256_of_json([[str(path.relative_to(root)), sha256_of_file(path)] for path in paths])
