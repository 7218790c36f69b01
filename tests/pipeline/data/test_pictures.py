"""Pictures of every kind become uint8 images of one shape."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data import pictures
from pipeline.data.folder import FolderError
from serving.pictures.images import decode_picture

RED = (200, 30, 40)


def make_folder(root: Path, *folders: str, count: int = 10) -> None:
    generator = np.random.default_rng(len(folders))
    for folder in folders:
        (root / folder).mkdir(parents=True)
        for number in range(count):
            pixels = generator.integers(0, 256, (9, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{number}.png")


@pytest.mark.parametrize("form", ["png", "jpg", "bmp", "webp", "gif", "tiff", "ppm"])
def test_every_format_is_read(form: str, tmp_path: Path) -> None:
    """A red sheet stays red, in the size asked for, channels first."""
    Image.new("RGB", (30, 20), RED).save(tmp_path / f"a.{form}")
    pixels = pictures.read(tmp_path / f"a.{form}", 8, "rgb")
    assert pixels.shape == (3, 8, 8)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - np.array(RED)[:, None, None]).max() <= 4


def test_grey_is_luma(tmp_path: Path) -> None:
    """ITU-R 601-2, as Pillow documents its mode L."""
    Image.new("RGB", (8, 8), RED).save(tmp_path / "a.png")
    pixels = pictures.read(tmp_path / "a.png", 8, "grey")
    assert pixels.shape == (1, 8, 8)
    assert set(pixels.ravel().tolist()) == {round(0.299 * 200 + 0.587 * 30 + 0.114 * 40)}


def test_a_picture_of_the_right_size_is_taken_pixel_for_pixel(tmp_path: Path) -> None:
    """No interpolation touches it."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(pictures.read(tmp_path / "a.png", 8, "rgb"), pixels.transpose(2, 0, 1))


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    """EXIF orientation 6: the camera was held so that the top lies on the left."""
    sheet = Image.new("L", (8, 8), 0)
    sheet.paste(255, (0, 0, 4, 8))
    exif = Image.Exif()
    exif[0x0112] = 6
    sheet.save(tmp_path / "a.png", exif=exif)
    pixels = pictures.read(tmp_path / "a.png", 8, "grey")
    assert pixels[0, :4].min() == 255
    assert pixels[0, 4:].max() == 0


@pytest.mark.parametrize("form", ["png", "jpg"])
@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_a_photo_is_read_as_the_server_reads_it(
    form: str, colour: pictures.Colour, tmp_path: Path
) -> None:
    """Pixel for pixel, however much larger it is: what is measured is what will be answered."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    photo = Image.fromarray(pixels).resize((800, 600), Image.Resampling.BICUBIC)
    photo.save(tmp_path / f"a.{form}")
    ours = pictures.read(tmp_path / f"a.{form}", 32, colour)
    sent = (tmp_path / f"a.{form}").read_bytes()
    theirs = decode_picture(sent, shape=(len(ours), 32, 32), fit="auto", max_pixels=800 * 600)
    assert np.array_equal(ours, theirs)


def test_transparency_is_put_on_white(tmp_path: Path) -> None:
    """With an alpha channel, and with a transparent colour of a palette."""
    Image.new("RGBA", (8, 8), (*RED, 0)).save(tmp_path / "a.png")
    Image.new("P", (8, 8), 0).save(tmp_path / "b.png", transparency=0)
    for name in ("a.png", "b.png"):
        assert pictures.read(tmp_path / name, 8, "rgb").min() == 255


def test_sixteen_bits_keep_the_high_byte(tmp_path: Path) -> None:
    """Not the lowest eight, and not clipped."""
    Image.fromarray(np.full((8, 8), 0x80FF, np.uint16)).save(tmp_path / "a.png")
    assert set(pictures.read(tmp_path / "a.png", 8, "grey").ravel().tolist()) == {0x80}


def test_a_fifth_of_each_class_becomes_the_test_split(tmp_path: Path) -> None:
    """Where none is given; the parts are disjoint, and the same at every reading."""
    make_folder(tmp_path, "dogs", "cats")
    official, again = (pictures.load(tmp_path, size=9, colour="rgb") for _ in range(2))
    assert official.classes == ("cats", "dogs")
    assert np.bincount(official.train.labels).tolist() == [8, 8]
    assert np.bincount(official.test.labels).tolist() == [2, 2]
    assert np.array_equal(official.test.images, again.test.images)
    train, test = (
        {image.tobytes() for image in part.images} for part in (official.train, official.test)
    )
    assert not train & test
    assert len(train | test) == 20


def test_given_splits_are_kept(tmp_path: Path) -> None:
    """No picture of test or val comes into train."""
    make_folder(tmp_path, "train/a", "train/b", "test/a", "test/b", "val/a", "val/b", count=3)
    official = pictures.load(tmp_path, size=9, colour="grey")
    assert official.val is not None
    for split, name in ((official.train, "train"), (official.val, "val"), (official.test, "test")):
        expected = [
            pictures.read(path, 9, "grey") for path in sorted((tmp_path / name).glob("*/*.png"))
        ]
        assert np.array_equal(split.images, np.stack(expected))
        assert split.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_the_fingerprint_follows_names_and_contents(tmp_path: Path) -> None:
    """dataset.json tells one folder from another by one hash."""
    make_folder(tmp_path, "cats", "dogs")
    before = pictures.load(tmp_path, size=4, colour="grey").files
    (tmp_path / "cats/0.png").rename(tmp_path / "cats/x.png")
    assert pictures.load(tmp_path, size=4, colour="grey").files != before


def test_unreadable_pictures_are_named_at_once(tmp_path: Path) -> None:
    """All of them with their reasons: text, a truncated file, an empty one, a bomb."""
    make_folder(tmp_path, "cats", "dogs")
    whole = (tmp_path / "cats/0.png").read_bytes()
    (tmp_path / "cats/text.png").write_text("no picture")
    (tmp_path / "cats/half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "dogs/empty.png").touch()
    Image.new("1", (20_000, 20_000)).save(tmp_path / "dogs/bomb.png")
    with pytest.raises(FolderError) as caught:
        pictures.load(tmp_path, size=9, colour="rgb")
    told = str(caught.value)
    assert "4 of 24 files cannot be read as pictures" in told
    for name in (
        "cats/text.png: not one of",
        "cats/half.png: ",
        "dogs/empty.png: not",
        "bomb.png: ",
    ):
        assert name in told
