"""Copies stay on one side, leaks of the user's own splits are refused, the audit tells of all."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from pipeline.data.arrays import Prepared
from pipeline.data.audit import Spread, collisions, remarks
from pipeline.data.listing import FolderError
from tests.pipeline.data.folder_of_pictures import made, make_folder, prepared


def splits_of(found: Prepared) -> dict[bytes, set[str]]:
    where: dict[bytes, set[str]] = {}
    for name, split in found.splits():
        for image in split.images:
            where.setdefault(image.tobytes(), set()).add(name)
    return where


def test_equal_pictures_stay_in_one_split(tmp_path: Path) -> None:
    """Of a set in which each picture lies twice; no picture is lost, and the shares stay."""
    root = tmp_path / "images"
    make_folder(root, "cats", "dogs", count=40)
    for path in sorted(root.glob("*/*.png")):
        Image.open(path).save(path.with_suffix(".bmp"))
    found = made(tmp_path)
    assert all(len(splits) == 1 for splits in splits_of(found.prepared).values())
    counts = found.prepared.dataset.counts
    assert counts.train + counts.val + counts.test == 160
    assert 16 <= counts.test <= 48
    equal = found.audit.equal
    assert (equal.sets, equal.pictures, equal.across_splits, equal.across_classes) == (
        80,
        160,
        0,
        0,
    )
    assert found.audit.moved > 0
    assert found.audit.formats == {"PNG": 80, "BMP": 80}
    for split_name, split in found.prepared.splits():
        for members in equal.shown:
            for member in members:
                if member.split == split_name:
                    name = found.prepared.dataset.classes[split.labels[member.row]]
                    assert (member.label, member.path.split("/")[0]) == (name, name)


def test_groups_go_where_their_equals_go(tmp_path: Path) -> None:
    """Then no group is torn either."""
    root = tmp_path / "images"
    make_folder(root, "a", "b", count=30)
    for number in range(0, 30, 5):
        shutil.copy(root / f"a/{number}.png", root / f"a/copy{number}.png")
    rows = [
        (f"{path.parent.name}/{path.name}", path.parent.name, f"{path.parent.name}{number // 3}")
        for number, path in enumerate(sorted(root.glob("*/*.png")))
    ]
    table = "\n".join(",".join(row) for row in [("path", "label", "group"), *rows])
    (root / "manifest.csv").write_text(table)
    for seed in range(5):
        found = made(tmp_path, seed=seed)
        assert all(len(splits) == 1 for splits in splits_of(found.prepared).values())
        assert found.audit.equal.across_splits == 0
        assert found.prepared.dataset.counts.train > 30


def leak(root: Path) -> None:
    make_folder(root, "train/a", "train/b", "test/a", "test/b")
    shutil.copy(root / "train/a/3.png", root / "test/a/copy.png")


def test_a_leak_of_the_users_splits_is_refused(tmp_path: Path) -> None:
    """Which pictures, and what to do."""
    leak(tmp_path / "images")
    with pytest.raises(FolderError) as caught:
        prepared(tmp_path)
    assert "1 pictures stand, pixel for pixel, in more than one of your splits" in str(caught.value)
    assert "\n  train/a/3.png = test/a/copy.png" in str(caught.value)
    assert "data.allow_leak to true" in str(caught.value)


def test_a_leak_that_is_allowed_is_told(tmp_path: Path) -> None:
    """The splits stay as they were given."""
    leak(tmp_path / "images")
    found = made(tmp_path, allow_leak=True)
    assert (found.audit.equal.across_splits, found.audit.moved) == (1, 0)
    assert found.prepared.dataset.counts.test == 21
    ((first, second),) = found.audit.equal.shown
    assert {(first.path, first.split), (second.path, second.split)} >= {("test/a/copy.png", "test")}
    assert "look at: 1 sets of equal pictures stand in more than one split" in remarks(found.audit)


def test_a_cut_from_given_training_is_no_leak(tmp_path: Path) -> None:
    """Prepare cuts val itself, so that copies in train stay together."""
    root = tmp_path / "images"
    make_folder(root, "train/a", "train/b", "test/a", "test/b", count=20)
    for path in sorted(root.glob("train/*/*.png")):
        shutil.copy(path, path.with_name(f"again{path.name}"))
    found = made(tmp_path, validation_fraction=0.3)
    assert found.audit.equal.across_splits == 0
    assert found.audit.moved > 0
    assert found.prepared.dataset.counts.test == 40


def photo(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((90, 80), Image.Resampling.BICUBIC)


def test_near_duplicates_are_told_in_colour(tmp_path: Path) -> None:
    """Recompressed, resized, a little lighter; not the same shapes in other colours."""
    root = tmp_path / "images"
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        for number in range(12):
            photo(number + 100 * (name == "b")).save(root / name / f"{number:02}.png")
    photo(0).save(root / "b/jpeg.jpg", quality=70)
    photo(1).resize((60, 50)).save(root / "a/small.png")
    ImageEnhance.Brightness(photo(2)).enhance(1.04).save(root / "a/light.png")
    red, green, blue = photo(3).split()
    Image.merge("RGB", (blue, red, green)).save(root / "a/other.png")
    found = made(tmp_path, folder_size=32)
    near = found.audit.near
    names = {frozenset(member.path for member in pair) for pair in near.shown}
    assert names == {
        frozenset(("a/00.png", "b/jpeg.jpg")),
        frozenset(("a/01.png", "a/small.png")),
        frozenset(("a/02.png", "a/light.png")),
    }
    assert (near.sets, near.pictures, near.across_classes) == (3, 6, 1)
    assert found.audit.equal.sets == 0


def test_blank_pictures_of_different_colours_are_not_alike(tmp_path: Path) -> None:
    """A hash of differences says the same of all of them."""
    root = tmp_path / "images"
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        for number in range(20):
            colour = (9 * number, 120, 200 * (name == "b"))
            Image.new("RGB", (9, 9), colour).save(root / name / f"{number}.png")
    assert made(tmp_path).audit.near.sets == 0


def test_sizes_shapes_and_transparency(tmp_path: Path) -> None:
    """As stored, before anything is scaled."""
    root = tmp_path / "images"
    make_folder(root, "a", "b", count=5)  # 12 px wide, 9 px high
    Image.new("RGB", (40, 9)).save(root / "a/long.png")
    Image.new("RGBA", (8, 9), (3, 3, 3, 99)).save(root / "a/clear.png")
    Image.new("P", (9, 9)).save(root / "b/palette.gif", transparency=0)
    Image.new("P", (9, 9), 1).save(root / "b/palette.png", transparency=0)
    Image.new("RGB", (9, 9), (1, 2, 3)).save(root / "b/plain.jpg")
    (root / "a/none.txt").touch()
    (root / "b/half.png").write_bytes((root / "b/0.png").read_bytes()[:60])
    found = made(tmp_path, folder_unreadable=0.2).audit
    assert (found.pictures, found.unreadable) == (15, 1)
    assert found.left_out == {"text, tables or XML": 1}
    assert found.width == Spread(least=8, median=12, most=40)
    assert found.height == Spread(least=9, median=9, most=9)
    assert found.enlarged == 1
    assert found.shapes == {
        "square": 3, "wider than high": 11, "higher than wide": 1,
        "more than twice as long as short": 1,
    }  # fmt: skip
    assert found.transparent == 3
    assert found.formats == {"PNG": 13, "GIF": 1, "JPEG": 1}
    assert sum(one.train + one.val + one.test for one in found.classes) == 15


def test_names_that_other_systems_take_for_one() -> None:
    """Case, trailing blanks and dots, composed and decomposed letters; not mere likeness."""
    names = ["Cats", "cats", "dogs ", "dogs", "caf\u00e9/1.png", "cafe\u0301/1.png", "a/B.jpg"]
    names += ["a/b.jpg", "birds", "bird", "stra\u00dfe", "STRASSE"]
    assert collisions(names) == (
        ("Cats", "cats"),
        ("dogs", "dogs "),
        ("cafe\u0301/1.png", "caf\u00e9/1.png"),
        ("a/B.jpg", "a/b.jpg"),
        ("STRASSE", "stra\u00dfe"),
    )


def test_imbalance_is_told(tmp_path: Path) -> None:
    """Of training, largest to smallest."""
    root = tmp_path / "images"
    make_folder(root, "many", count=60)
    make_folder(root, "few", "x", count=10)
    shutil.rmtree(root / "x")
    found = made(tmp_path).audit
    assert 6 <= found.imbalance <= 7
    assert any("training pictures for one of the smallest" in line for line in remarks(found))
