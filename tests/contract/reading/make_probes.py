"""Made the twelve files in contract/reading/probe_files, once: models know their pixels by name.

python -m tests.contract.reading.make_probes FOLDER

Never write over one: models in use would be refused. A new file takes a new name, and its hash
joins those in test_probes.py. (Made with Pillow 13.0.0; other encoders write other bytes.)
"""

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from tests.contract.reading.case import Samples, exif, turned
from tests.contract.reading.of_bitmaps import bmp, runs
from tests.contract.reading.of_jpeg import inks, jpeg


def scene(height: int, width: int) -> Samples:
    """Smooth ground, a shadow, sharp rings and bars of every width: aliasing and ringing show."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    ground = [90 + 110 * x, 70 + 130 * y, 190 - 80 * x * y]
    shade = 1 - 0.5 * np.exp(-(((x - 0.7) / 0.2) ** 2) - ((y - 0.7) / 0.25) ** 2)
    picture = np.stack([band * shade for band in ground], axis=-1)
    ring = np.hypot((x - 0.3) * width / height, y - 0.4)
    picture[(ring > 0.18) & (ring < 0.22)] = (240, 230, 60)
    picture[ring < 0.05] = (15, 20, 30)
    bars = (y > 0.86) & ((x**1.7 * 40).astype(int) % 2 == 0)
    picture[bars] = (250, 250, 250)
    rounded: Samples = np.rint(picture).astype(np.uint8)
    return rounded


def flat(height: int, width: int, levels: int) -> Samples:
    """(H, W) indices below `levels`: bands and discs, which pack well."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    index: Samples = ((x + 0.6 * y) / 1.6 * (levels - 1)).astype(np.uint8)
    index[np.hypot(x - 0.6, y - 0.5) < 0.2] = levels - 1
    index[np.abs(y - x) < 0.02] = 0
    return index


def table(levels: int) -> Samples:
    steps = np.arange(levels)
    return np.stack(
        [steps * 255 // (levels - 1), 230 - steps * 190 // levels, steps * 83 % 256], -1
    ).astype(np.uint8)


def pillow(picture: Samples | Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(file, kind, **options)
    return file.getvalue()


def files() -> dict[str, bytes]:
    large, middle = scene(900, 920), scene(240, 320)
    indexed = Image.fromarray(flat(90, 120, 20))
    indexed.putpalette(table(20).tobytes())
    levels = flat(84, 110, 16)
    quads = np.pad(table(16)[:, ::-1], ((0, 0), (0, 1))).tobytes()
    clear = np.dstack([table(6)[flat(120, 128, 6)], flat(120, 128, 6)[::-1] * 51])
    wide = (flat(120, 160, 24).astype(np.uint16) << 11) | 0x2A
    return {
        "grey16.png": pillow(wide, "PNG"),
        "clear.png": pillow(clear, "PNG"),
        "palette.gif": pillow(indexed, "GIF", transparency=3, interlace=1),
        "runs.bmp": bmp(np.frombuffer(runs(levels), np.uint8), levels.shape, 8,
                        table=quads, way=1),
        "lzw.tif": pillow(table(7)[flat(80, 100, 7)], "TIFF", compression="tiff_lzw"),
        "bits.pbm": pillow(Image.fromarray(flat(96, 120, 9) % 2 == 1), "PPM"),
        "large.jpg": jpeg(large, quality=5, subsampling="4:2:0", optimize=True),
        "progressive.jpg": jpeg(middle[..., 1], quality=30, progressive=True),
        "turned.jpg": jpeg(turned(scene(200, 150), 6), quality=35, exif=b"Exif\0\0" + exif(6),
                           optimize=True),
        "inks.jpg": jpeg(inks(scene(108, 144)), mode="CMYK", quality=20, optimize=True),
        "lossy.webp": pillow(middle, "WEBP", quality=30, method=6),
        "lossy.avif": pillow(middle, "AVIF", quality=45),
    }  # fmt: skip


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, data in files().items():
        (folder / name).write_bytes(data)
