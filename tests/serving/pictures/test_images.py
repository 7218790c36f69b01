"""PNG and JPEG bytes become the model's pixels by the rules of the interface, or an error."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from serving.errors import BadRequest, TooLarge, UnsupportedMediaType
from serving.pictures.images import Fit, decode_picture

Pixels = NDArray[np.uint8]
MNIST = (1, 28, 28)
CAP = 4_000_000
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (28, 28), dtype=np.uint8)


def written(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:  # noqa: ANN401 -- Pillow's own
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(
    data: bytes, *, shape: tuple[int, int, int] = MNIST, fit: Fit = "auto", cap: int = CAP
) -> Pixels:
    return decode_picture(data, shape=shape, fit=fit, max_pixels=cap)


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def bomb(claimed: int) -> bytes:
    """Make a PNG of a few KB: 12,000 by 12,000 black bits, and a size that may claim more."""
    rows = zlib.compress(bytes(1501 * 12_000), 9)
    head = struct.pack(">IIBBBBB", claimed, claimed, 1, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("options", [{}, {"compress_level": 0}, {"dpi": (72, 72)}, {"bits": 8}])
def test_a_png_of_the_models_size_is_taken_pixel_for_pixel(options: dict[str, Any]) -> None:
    """Auto: every pixel of a 28 by 28 grey PNG arrives unchanged."""
    assert np.array_equal(decoded(written(Image.fromarray(NOISE), **options))[0], NOISE)


def test_to_png_and_back_is_the_identity() -> None:
    """Grey and RGB tensors survive the way through a PNG."""
    for shape in (MNIST, (3, 32, 40)):
        image = RNG.integers(0, 256, shape, dtype=np.uint8)
        plane = image[0] if shape == MNIST else np.moveaxis(image, 0, -1).copy()
        assert np.array_equal(decoded(written(Image.fromarray(plane)), shape=shape), image)


def test_an_interlaced_png_with_split_data_is_read_like_any_other() -> None:
    """The short way is left for what it does not know; IDAT may come in many pieces."""
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in NOISE))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0))
    parts = b"".join(chunk(b"IDAT", rows[at : at + 50]) for at in range(0, len(rows), 50))
    data = b"\x89PNG\r\n\x1a\n" + head + parts + chunk(b"IEND", b"")
    assert np.array_equal(decoded(data)[0], NOISE)


def test_the_short_way_and_the_long_way_agree() -> None:
    """A text chunk sends the same picture the long way round: same pixels."""
    plain = written(Image.fromarray(NOISE))
    with_text = plain[:33] + chunk(b"tEXt", b"Title\0digit") + plain[33:]
    assert np.array_equal(decoded(plain), decoded(with_text))


def test_sixteen_bits_give_their_high_byte() -> None:
    """0x12ff is 0x12, rounded nowhere."""
    wide = (NOISE.astype(np.uint16) << 8) | 0xFF
    assert np.array_equal(decoded(written(Image.fromarray(wide)))[0], NOISE)


def test_one_bit_spans_black_to_white() -> None:
    """A bilevel PNG holds 0 and 255."""
    bits = np.where(NOISE > 127, 255, 0).astype(np.uint8)
    assert np.array_equal(decoded(written(Image.fromarray(bits).convert("1")))[0], bits)


def test_palette_becomes_its_colours_then_grey() -> None:
    """A palette index is a name, not a level."""
    image = Image.fromarray(NOISE).convert("RGB").quantize(8)
    expected = np.asarray(image.convert("RGB").convert("L"))
    assert np.array_equal(decoded(written(image))[0], expected)


def test_cmyk_jpeg_becomes_rgb_then_grey() -> None:
    """White in CMYK is white, not black."""
    image = Image.new("CMYK", (28, 28), (0, 0, 0, 0))
    assert decoded(written(image, "JPEG")).min() > 250


def test_colour_becomes_grey_by_luma_and_grey_becomes_rgb() -> None:
    """One-channel models get ITU-R 601 luma, three-channel models get RGB."""
    colour = Image.new("RGB", (28, 28), (255, 0, 0))
    assert set(decoded(written(colour)).ravel()) == {76}
    rgb = decoded(written(colour), shape=(3, 28, 28))
    assert rgb[:, 0, 0].tolist() == [255, 0, 0]
    assert np.array_equal(decoded(written(Image.fromarray(NOISE)), shape=(3, 28, 28))[2], NOISE)


@pytest.mark.parametrize("colour", [0, 90, 255])
def test_where_only_alpha_draws_alpha_is_the_ink(colour: int) -> None:
    """A canvas with a transparent background: whatever the pen's colour."""
    plane = Image.new("L", (28, 28), colour)
    image = Image.merge("RGBA", (plane, plane, plane, Image.fromarray(NOISE)))
    assert np.array_equal(decoded(written(image))[0], NOISE)
    assert np.array_equal(decoded(written(image.convert("LA")))[0], NOISE)


def test_other_alpha_is_put_on_white_paper() -> None:
    """Half-transparent black beside opaque grey: composited on white."""
    pixels = np.zeros((28, 28, 4), np.uint8)
    pixels[:, :10] = (0, 0, 0, 128)
    pixels[:, 10:20] = (100, 100, 100, 255)
    row = decoded(written(Image.fromarray(pixels)))[0, 0].tolist()
    assert row == [127] * 10 + [100] * 10 + [255] * 8


def test_an_opaque_alpha_channel_changes_nothing() -> None:
    """RGBA that hides nothing reads like RGB, even where it has one colour."""
    image = Image.fromarray(NOISE).convert("RGBA")
    assert np.array_equal(decoded(written(image))[0], NOISE)
    assert decoded(written(Image.new("RGBA", (28, 28), (0, 0, 0, 255)))).max() == 0


def test_a_transparent_palette_and_a_transparent_level_count_as_alpha() -> None:
    """The tRNS chunk of palette, grey and 16-bit grey pictures."""
    grey = Image.fromarray(np.where(NOISE > 99, 200, 10).astype(np.uint8))
    expected = np.where(NOISE > 99, 255, 0)
    for image in (grey, grey.convert("P")):
        assert np.array_equal(decoded(written(image, transparency=10))[0], expected)
    wide = Image.fromarray(np.asarray(grey).astype(np.uint16) << 8)
    assert np.array_equal(decoded(written(wide, transparency=10 << 8))[0], expected)


def test_an_animation_gives_its_first_frame() -> None:
    """An animated PNG of three frames."""
    frames = [Image.fromarray(np.roll(NOISE, turn, 0)) for turn in range(3)]
    data = written(frames[0], save_all=True, append_images=frames[1:])
    assert np.array_equal(decoded(data)[0], NOISE)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_exif_orientation_is_applied(kind: str) -> None:
    """Orientation 6: the camera was held upright, the top is stored on the left."""
    ramp = np.repeat(np.linspace(0, 255, 28).astype(np.uint8)[None], 28, 0)
    image = Image.fromarray(ramp)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = decoded(written(image, kind, exif=exif))[0].astype(int)
    assert np.abs(turned - np.rot90(ramp, -1)).max() < 8


def test_any_cut_of_a_file_is_refused() -> None:
    """Truncated anywhere, by one byte or all but one: 400, never half a picture."""
    for kind in ("PNG", "JPEG"):
        data = written(Image.fromarray(NOISE), kind)
        for end in range(0, len(data) - 1, 7):
            with pytest.raises((BadRequest, UnsupportedMediaType)):
                decoded(data[:end])
        with pytest.raises(BadRequest):
            decoded(data[:-1])


def test_every_flipped_byte_gives_a_picture_or_a_refusal() -> None:
    """No damage escapes as another exception."""
    rng = np.random.default_rng(1)
    for kind in ("PNG", "JPEG"):
        whole = written(Image.fromarray(NOISE).convert("RGB"), kind)
        for at in rng.integers(0, len(whole), 300):
            data = bytearray(whole)
            data[at] ^= int(rng.integers(1, 256))
            try:
                assert decoded(bytes(data)).shape == MNIST
            except (BadRequest, TooLarge, UnsupportedMediaType):
                continue


@pytest.mark.parametrize("claimed", [12_000, 60_000, 2**31 - 1])
def test_a_bomb_is_refused_before_it_is_unpacked(claimed: int) -> None:
    """12,000 by 12,000 pixels in some KB: TooLarge, not 144 MB."""
    with pytest.raises(TooLarge, match="pixels"):
        decoded(bomb(claimed))


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "BMP", "EPS", "WEBP", "PPM", "ICO"])
def test_other_formats_are_refused_by_what_they_are(kind: str) -> None:
    """The signature decides, whatever the name or type said."""
    with pytest.raises(UnsupportedMediaType):
        decoded(written(Image.fromarray(NOISE).convert("RGB"), kind))


@pytest.mark.parametrize("text", [b"<svg/>" * 9, b"SIMPLE  =  T" * 9, b"\0" * 99, b"hello, world"])
def test_what_is_no_picture_is_refused(text: bytes) -> None:
    """SVG, FITS, zeros and text are not guessed at."""
    with pytest.raises(UnsupportedMediaType):
        decoded(text)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (2, 2), (29, 28)])
@pytest.mark.parametrize("fit", ["auto", "digit", "resize"])
def test_any_size_of_picture_gives_the_models_shape(size: tuple[int, int], fit: Fit) -> None:
    """Down to a single pixel, for every fit."""
    image = Image.fromarray(RNG.integers(0, 256, (size[1], size[0]), dtype=np.uint8))
    for shape in (MNIST, (3, 16, 24)):
        assert decoded(written(image), shape=shape, fit=fit).shape == shape


def test_auto_resizes_for_colour_models_and_frames_for_mnist() -> None:
    """A blank sheet tells them apart: resized it stays white, framed it has no ink."""
    blank = written(Image.new("L", (60, 60), 255))
    assert decoded(blank, shape=(3, 32, 32)).min() == 255
    assert decoded(blank).max() == 0
    assert decoded(blank, fit="resize").min() == 255


def test_a_model_of_five_channels_takes_no_pictures() -> None:
    """The message says what to send instead."""
    with pytest.raises(BadRequest, match="send JSON"):
        decoded(written(Image.fromarray(NOISE)), shape=(5, 28, 28))


def test_error_texts_repeat_nothing_of_the_caller() -> None:
    """No bytes, no file name, no traceback of a decoder."""
    signatures = b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
    for signature in signatures:
        with pytest.raises((BadRequest, UnsupportedMediaType)) as caught:
            decoded(signature + b"secret-secret-secret\xff\xd9")
        assert "secret" not in str(caught.value)
