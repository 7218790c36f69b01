"""Pictures of every kind become uint8 images of one shape."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contract.files import sha256_of_file, sha256_of_json
from pipeline.data.arrays import Split
from pipeline.data.listing import FolderError
from tests.pipeline.data.folder_of_pictures import SIZE, make_folder, prepared, read

RED = (200, 30, 40)


@pytest.mark.parametrize("form", ["png", "jpg", "bmp", "webp", "gif", "tiff", "ppm"])
def test_every_format_is_read(form: str, tmp_path: Path) -> None:
    """A red sheet stays red, in the size asked for, channels first."""
    Image.new("RGB", (30, 20), RED).save(tmp_path / f"a.{form}")
    pixels = read(tmp_path / f"a.{form}", 8, 3)
    assert pixels.shape == (3, 8, 8)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - np.array(RED)[:, None, None]).max() <= 4


def test_grey_is_luma(tmp_path: Path) -> None:
    """ITU-R 601-2, as Pillow documents its mode L."""
    Image.new("RGB", (8, 8), RED).save(tmp_path / "a.png")
    pixels = read(tmp_path / "a.png", 8, 1)
    assert pixels.shape == (1, 8, 8)
    assert set(pixels.ravel().tolist()) == {round(0.299 * 200 + 0.587 * 30 + 0.114 * 40)}


def test_a_picture_of_the_right_size_is_taken_pixel_for_pixel(tmp_path: Path) -> None:
    """No interpolation touches it."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png", 8, 3), pixels.transpose(2, 0, 1))


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    """EXIF orientation 6: the camera was held so that the top lies on the left."""
    sheet = Image.new("L", (8, 8), 0)
    sheet.paste(255, (0, 0, 4, 8))
    exif = Image.Exif()
    exif[0x0112] = 6
    sheet.save(tmp_path / "a.png", exif=exif)
    pixels = read(tmp_path / "a.png", 8, 1)
    assert pixels[0, :4].min() == 255
    assert pixels[0, 4:].max() == 0


def test_transparency_is_put_on_white(tmp_path: Path) -> None:
    """With an alpha channel, and with a transparent colour of a palette."""
    Image.new("RGBA", (8, 8), (*RED, 0)).save(tmp_path / "a.png")
    Image.new("P", (8, 8), 0).save(tmp_path / "b.png", transparency=0)
    for name in ("a.png", "b.png"):
        assert read(tmp_path / name, 8, 3).min() == 255


def test_sixteen_bits_keep_the_high_byte(tmp_path: Path) -> None:
    """Not the lowest eight, and not clipped."""
    Image.fromarray(np.full((8, 8), 0x80FF, np.uint16)).save(tmp_path / "a.png")
    assert set(read(tmp_path / "a.png", 8, 1).ravel().tolist()) == {0x80}


def test_a_fifth_of_each_class_becomes_the_test_split(tmp_path: Path) -> None:
    """Where none is given; the parts are disjoint, and the same at every reading."""
    make_folder(tmp_path / "images", "dogs", "cats")
    first, again = prepared(tmp_path), prepared(tmp_path)
    assert first.dataset.classes == ("cats", "dogs")
    assert np.bincount(first.train.labels).tolist() == [7, 7]
    assert np.bincount(first.val.labels).tolist() == [1, 1]
    assert np.bincount(first.test.labels).tolist() == [2, 2]
    parts = [{image.tobytes() for image in split.images} for _, split in first.splits()]
    assert len(set.union(*parts)) == 20
    assert sum(map(len, parts)) == 20
    assert first.dataset == again.dataset


def test_given_splits_are_kept(tmp_path: Path) -> None:
    """No picture of test or val comes into train."""
    root = tmp_path / "images"
    make_folder(root, "train/a", "train/b", "test/a", "test/b", "val/a", "val/b", count=3)
    found = prepared(tmp_path, folder_colour="grey")
    for name, split in found.splits():
        expected = [read(path, SIZE, 1) for path in sorted((root / name).glob("*/*.png"))]
        assert np.array_equal(split.images, np.stack(expected))
        assert split.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_the_fingerprint_follows_names_and_contents(tmp_path: Path) -> None:
    """dataset.json tells one folder from another by one hash: JSON of names and contents."""
    root = tmp_path / "images"
    make_folder(root, "cats", "dogs")
    before = prepared(tmp_path).dataset.files
    every = sorted(root.glob("*/*.png"))
    pairs = [[str(path.relative_to(root)), sha256_of_file(path)] for path in every]
    assert before == {"images": sha256_of_json(pairs)}
    (root / "cats/0.png").rename(root / "cats/x.png")
    assert prepared(tmp_path).dataset.files != before


def test_a_limit_chooses_before_decoding(tmp_path: Path) -> None:
    """What is not chosen may be anything: nobody opens it."""
    root = tmp_path / "images"
    make_folder(root, "cats", "dogs", count=40)
    few = prepared(tmp_path, limit=10)
    assert [len(split) for _, split in few.splits()] == [10, 6, 10]
    chosen = {image.tobytes() for _, split in few.splits() for image in split.images}
    for path in root.glob("*/*.png"):
        if read(path, SIZE, 3).tobytes() not in chosen:
            path.write_text("no picture")
    again = prepared(tmp_path, limit=10)
    assert again.dataset.sha256 == few.dataset.sha256


def spoil(root: Path) -> None:
    """Four files that are none: text, a truncated one, an empty one, a bomb."""
    whole = (root / "cats/0.png").read_bytes()
    (root / "cats/text.png").write_text("no picture")
    (root / "cats/half.png").write_bytes(whole[: len(whole) // 2])
    (root / "dogs/empty.png").touch()
    Image.new("1", (20_000, 20_000)).save(root / "dogs/bomb.png")


TOLD = (
    "cats/half.png: ",
    "cats/text.png: not one of",
    "dogs/bomb.png: a picture of 20000 by 20000",
    "dogs/empty.png: an empty file",
)


def test_unreadable_pictures_are_named_at_once(tmp_path: Path) -> None:
    """All of them with their reasons, in the error and in a file."""
    make_folder(tmp_path / "images", "cats", "dogs")
    spoil(tmp_path / "images")
    with pytest.raises(FolderError) as caught:
        prepared(tmp_path)
    message = str(caught.value)
    assert "4 of 24 files cannot be read as pictures" in message
    assert "data.folder_unreadable 0.0 allows 0" in message
    lines = (tmp_path / "plots/unreadable.txt").read_text().splitlines()
    assert len(lines) == len(TOLD)
    for line, start in zip(lines, TOLD, strict=True):
        assert line.startswith(start)
        assert line in message


def test_a_share_of_unreadable_pictures_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others keep their splits and their order, and arrays have no gaps."""
    root = tmp_path / "images"
    make_folder(root, "cats", "dogs")
    spoil(root)
    found = prepared(tmp_path, folder_unreadable=0.17)
    images = np.concatenate([split.images for _, split in found.splits()])
    expected = [read(path, SIZE, 3) for path in root.glob("*/[0-9].png")]
    assert {image.tobytes() for image in images} == {image.tobytes() for image in expected}
    assert len(images) == len(expected)
    assert np.bincount(np.concatenate([split.labels for _, split in found.splits()])).max() == 10
    assert "4 of 24 files cannot be read as pictures, and are left out" in capsys.readouterr().err


def test_a_class_without_a_readable_picture_is_an_error(tmp_path: Path) -> None:
    """Whatever share may be left out."""
    root = tmp_path / "images"
    make_folder(root, "cats", "dogs", "birds", count=3)
    for path in (root / "birds").iterdir():
        path.write_text("none")
    with pytest.raises(FolderError, match="no picture of 'birds' is left in train"):
        prepared(tmp_path, folder_unreadable=0.9)


def test_what_people_corrected_lies_behind_training(tmp_path: Path) -> None:
    """Also where gaps before it were closed."""
    root = tmp_path / "images"
    make_folder(root, "cats", "dogs")
    plain = prepared(tmp_path)
    spoil(root)
    more = Split(np.full((2, 3, SIZE, SIZE), 7, np.uint8), np.array([1, 0]))
    found = prepared(tmp_path, more, folder_unreadable=0.5)
    assert np.array_equal(found.train.images[-2:], more.images)
    assert found.train.labels[-2:].tolist() == [1, 0]
    assert len(found.train) >= len(plain.train)
