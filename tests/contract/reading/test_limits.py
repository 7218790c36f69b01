"""The cap, the missing decoder, the short way for grey PNGs, and quiet threads."""

import importlib
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from contract.reading import png as reading_png
from contract.reading.decoders import can_read, unreadable
from contract.reading.errors import MissingDecoder, TooManyPixels
from contract.reading.quiet import warnings_ignored
from contract.reading.reader import flatten, read
from contract.reading.rules import FORMATS, current
from tests.contract.reading.case import Samples, colour, exif, grey
from tests.contract.reading.of_boxes import saved
from tests.contract.reading.of_png import GREY, RGB, chunk, png


def test_the_cap_may_only_be_lowered() -> None:
    """Pixels in all count, for the model's own size as well."""
    data = png(grey(), GREY, 8)
    height, width = grey().shape
    for shape in ((1, height, width), (1, 8, 8)):
        read(data, rules=current(), shape=shape, max_pixels=height * width)
        with pytest.raises(TooManyPixels, match=f"{width} by {height} pixels: up to 100 in all"):
            read(data, rules=current(), shape=shape, max_pixels=100)
    large = png(np.zeros((8001, 8000), np.uint8), GREY, 8)
    with pytest.raises(TooManyPixels, match="up to 64,000,000"):
        read(large, rules=current(), shape=(1, 8, 8), max_pixels=1 << 40)


def test_only_grey_and_rgb_are_given() -> None:
    """Other channels are the caller's mistake, and named."""
    with pytest.raises(ValueError, match=r"channels=2: pictures give 1 \(grey\) or 3"):
        read(png(grey(), GREY, 8), rules=current(), shape=(2, 8, 8))


def test_heif_without_its_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user learns what to install; the server, which formats it lacks."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    head = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    with pytest.raises(MissingDecoder, match=r"pip install 'convnet-pipeline\[heif\]'"):
        read(head, rules=current(), shape=(1, 8, 8))
    assert unreadable(["PNG", "HEIF", "JXL"]) == ["HEIF", "JXL"]
    assert unreadable(FORMATS[:3]) == [name for name in FORMATS[:3] if not can_read(name)]


def test_reading_does_not_load_what_it_does_not_need() -> None:
    """The extra's decoder is imported by HEIF files alone."""
    source = importlib.import_module("contract.reading.decoders").__dict__
    assert "pillow_heif" not in source


def rebuilt(stream: bytes, between: bytes = b"") -> bytes:
    """A grey PNG of 28 by 28 around any stream."""
    head = (28).to_bytes(4, "big") * 2 + b"\x08\0\0\0\0"
    parts = (chunk(b"IHDR", head), between, chunk(b"IDAT", stream), chunk(b"IEND", b""))
    return reading_png.SIGNATURE + b"".join(parts)


def test_the_short_way_is_the_long_way() -> None:
    """For streams of every filter, damaged anywhere: the same pixels, or refused by both."""
    random = np.random.default_rng(7)
    seen = set()
    for turn in range(600):
        rows = random.integers(0, 256, (28, 29), np.uint8)
        rows[:, 0] = random.integers(0, 5 + turn % 2, 28)
        rows[20 + turn % 8 :, 1:] = 0
        stream = bytearray(
            zlib.compress(rows.tobytes()[: max(600, 812 - 3 * (turn % 4 == 0) * turn)], turn % 10)
        )
        for _ in range(turn % 3):
            stream[random.integers(len(stream))] = random.integers(256)
        data = rebuilt(bytes(stream))
        short = reading_png.plain_grey(data, height=28, width=28)
        try:
            image = reading_png.decoded(data)
        except (ValueError, OSError, SyntaxError):
            assert short is None
            seen.add("refused")
        else:
            assert short is not None
            assert np.array_equal(short, np.asarray(image))
            seen.add("read")
    assert seen == {"refused", "read"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("clear colour", rebuilt(zlib.compress(bytes(812)), chunk(b"tRNS", b"\0\0"))),
        ("orientation", rebuilt(zlib.compress(bytes(812)), chunk(b"eXIf", exif(3)))),
        ("another size", png(grey(), GREY, 8)),
        ("another depth", png(np.zeros((28, 28), np.uint16), GREY, 16)),
        ("colour", png(np.zeros((28, 28, 3), np.uint8), RGB, 8)),
        ("a wrong checksum", rebuilt(zlib.compress(bytes(812)))[:-5] + b"\0\0\0\0\0"),
    ],
)
def test_the_short_way_leaves_the_rest_to_the_long_one(name: str, data: bytes) -> None:
    """Whatever is more than grey bytes."""
    assert reading_png.plain_grey(data, height=28, width=28) is None, name


@pytest.mark.parametrize("samples", [grey(), colour(), np.random.default_rng(1).integers(
    0, 256, (3, 28, 28), np.uint8)[0]])  # fmt: skip
def test_what_pillow_saves_of_pixels_is_read_again(samples: Samples) -> None:
    """As feedback and clients do: the same array comes back."""
    planes = np.moveaxis(np.atleast_3d(samples), -1, 0)
    assert np.array_equal(read(saved("PNG", samples), rules=current(), shape=planes.shape), planes)


ODD = png(grey(), GREY, 8, before=chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\x02" + bytes(15)))


def test_pillows_warnings_are_silent_in_any_thread() -> None:
    """Where warnings are errors, as in these tests, a picture with an odd EXIF is read."""
    with ThreadPoolExecutor(8) as threads:
        jobs = [
            threads.submit(flatten, ODD, rules=current(), channels=1, target=None, alpha="paper")
            for _ in range(200)
        ]
        assert all(job.result().shape == (1, *grey().shape) for job in jobs)


def test_other_threads_and_later_warnings_are_heard() -> None:
    """The silence is of the thread that reads, while it reads."""
    with ThreadPoolExecutor(1) as threads, warnings_ignored():
        warnings.warn("not heard", UserWarning, stacklevel=1)
        heard = threads.submit(warnings.warn, "heard", UserWarning)
        with pytest.raises(UserWarning, match="heard"):
            heard.result()
    with pytest.raises(UserWarning, match="again"):
        warnings.warn("again", UserWarning, stacklevel=1)
