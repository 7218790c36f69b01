"""Distortions: still where nothing is asked for, exact where that can be worked out."""

import math
from typing import Any

import pytest
import torch

from pipeline.training.augment import Augmentation, Distorter, even_bounds, seeded
from pipeline.training.elastic import SMOOTHNESS, SPACING, ElasticField

STILL = {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "elastic": 0.0}


def distorter(*, height: int = 28, width: int = 28, **how: Any) -> Distorter:  # noqa: ANN401 - any field
    return Distorter(Augmentation(**(STILL | how)), height=height, width=width)


def some_images() -> torch.Tensor:
    return torch.randint(0, 256, (3, 2, 28, 28), dtype=torch.uint8, generator=seeded(0))


def test_nothing_asked_nothing_done() -> None:
    """The sampling grid lies on the pixels."""
    still = distorter()
    assert not still.how.on
    images = some_images()
    made = still.distort(images, still.draw(3, seeded(0)))
    torch.testing.assert_close(made, images.float(), atol=0.01, rtol=0)


def test_grids_are_float32_under_any_precision() -> None:
    """An autocast region around it changes no pixel."""
    bending = distorter(rotation=10.0, elastic=0.5)
    images, drawn = some_images(), bending.draw(3, seeded(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = bending.distort(images, drawn)
    assert torch.equal(made, bending.distort(images, drawn))


def test_shift_by_whole_pixels() -> None:
    """A displacement of one pixel is 2 / size on grid_sample's scale; the border comes in as 0."""
    shifting = distorter(shift=1.0)
    coefficients = torch.tensor([[[1 / 14, 1.0, 0.0], [0.0, 0.0, 1.0]]]).expand(3, 2, 3)
    images = some_images()
    made = shifting.distort(images, coefficients)
    torch.testing.assert_close(made[..., :-1], images[..., 1:].float(), atol=0.02, rtol=0)
    assert made[..., -1].abs().max() < 0.02


def test_quarter_turn() -> None:
    """A rotation by 90 degrees is torch's own."""
    turning = distorter(rotation=90.0)
    quarter = math.pi / 2
    coefficients = torch.tensor(
        [
            [
                [0.0, math.cos(quarter), -math.sin(quarter)],
                [0.0, math.sin(quarter), math.cos(quarter)],
            ]
        ]
    )
    image = some_images()[:1]
    made = turning.distort(image, coefficients)
    torch.testing.assert_close(made, image.rot90(1, (2, 3)).float(), atol=0.05, rtol=0)


def test_drawn_within_bounds() -> None:
    """No shift is further than asked for, no scale larger."""
    drawn = distorter(shift=2.0, scale=0.1).draw(1000, seeded(0))
    assert drawn[:, :, 0].abs().max() <= 2 / 14
    assert drawn[:, 0, 1].min() >= 1 / 1.1 - 1e-6
    assert drawn[:, 0, 1].max() <= 1 / 0.9 + 1e-6


@pytest.mark.parametrize(("height", "width"), [(28, 28), (8, 8), (20, 33)])
def test_elastic_displacement_has_the_asked_deviation(height: int, width: int) -> None:
    """In pixels, everywhere in the image."""
    bending = distorter(height=height, width=width, elastic=0.7)
    assert bending.elastic is not None
    field = bending.elastic(bending.draw(4000, seeded(0))[:, :, 3:])
    half = torch.tensor([width / 2, height / 2]).view(1, 2, 1)
    deviation = (field.flatten(2) * half).std(dim=0)
    torch.testing.assert_close(deviation, torch.full_like(deviation, 0.7), atol=0.05, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(28, 28), (1, 1), (37, 4), (33, 100)])
def test_elastic_field_is_the_sum_of_its_gaussians(height: int, width: int) -> None:
    """Within 1e-5 of the sum over all control points, each pixel's squares summing to 1."""
    field = ElasticField(height, width, device="cpu")

    def gaussians(size: int) -> torch.Tensor:
        points = torch.arange(-SPACING / 2, size + SPACING / 2 + 1e-6, SPACING)
        distance = torch.arange(size) + 0.5 - points[:, None]
        return torch.exp(-(distance**2) / (2 * SMOOTHNESS**2))

    bumps = torch.einsum("ph,qw->pqhw", gaussians(height), gaussians(width)).flatten(0, 1)
    bumps = bumps / bumps.square().sum(dim=0).sqrt()
    numbers = torch.randn(5, field.points, generator=seeded(0))
    expected = torch.einsum("np,phw->nhw", numbers, bumps)
    torch.testing.assert_close(field(numbers), expected, atol=1e-5, rtol=0)


def test_elastic_memory_grows_with_the_pixels() -> None:
    """At 1024 px the field's constants are kilobytes; a basis of all points would be 279 GB."""
    field = ElasticField(1024, 1024, device="cpu")
    kept = [field.down.kernel, field.down.norm, field.across.kernel, field.across.norm]
    assert sum(tensor.numel() for tensor in kept) < 10_000
    assert field(torch.ones(1, field.points)).shape == (1, 1024, 1024)


def test_seeded_by_every_number() -> None:
    """Equal numbers give equal draws, and each number counts, its place too."""

    def draw(*numbers: int) -> float:
        return torch.rand(1, generator=seeded(*numbers)).item()

    assert draw(1, 2, 3) == draw(1, 2, 3)
    assert len({draw(1, 2, 3), draw(1, 2, 4), draw(0, 2, 3), draw(2, 1, 3), draw(1, 2)}) == 5


def test_even_bounds() -> None:
    """Ten in three parts: none differs from another by more than one."""
    assert even_bounds(10, 3) == [0, 3, 6, 10]


def test_a_mirror_is_exact() -> None:
    """Left and right change places, to the pixel; drawn, about half of the images."""
    mirroring = distorter(mirror="random")
    images = some_images()
    drawn = mirroring.draw(3, seeded(0), mirrored=torch.tensor([True, False, True]))
    made = mirroring.distort(images, drawn)
    for number in (0, 2):
        torch.testing.assert_close(made[number], images[number].flip(-1).float(), atol=0.01, rtol=0)
    torch.testing.assert_close(made[1], images[1].float(), atol=0.01, rtol=0)
    many = mirroring.draw(1000, seeded(0))
    assert 400 < int((many[:, 0, 1] < 0).sum()) < 600


def test_shifts_are_whole_where_nothing_bends() -> None:
    """A shifted photo is not blurred: every pixel is one of the image, its border reflected."""
    shifting = distorter(shift=2.0, border="reflect")
    images = some_images()[:1].expand(200, -1, -1, -1)
    drawn = shifting.draw(200, seeded(0))
    moved = {tuple(pair) for pair in (drawn[:, :, 0] * 14).round().int().tolist()}
    assert moved == {(x, y) for x in range(-2, 3) for y in range(-2, 3)}
    made = shifting.distort(images, drawn)
    torch.testing.assert_close(made, made.round(), atol=0.02, rtol=0)
    by_two = distorter(shift=2.0, border="reflect")
    right = torch.tensor([[[2 / 14, 1.0, 0.0], [0.0, 0.0, 1.0]]])
    edge = by_two.distort(some_images()[:1], right)[..., -2:]
    torch.testing.assert_close(
        edge, some_images()[:1, ..., -2:].flip(-1).float(), atol=0.02, rtol=0
    )


def test_a_crop_lies_within_the_image() -> None:
    """No place outside is asked for, and the area is between the least and all of it."""
    cropping = distorter(crop=0.25)
    drawn = cropping.draw(500, seeded(0))
    across, down = drawn[:, 0, 1], drawn[:, 1, 2]
    assert (drawn[:, 0, 0].abs() + across).max() <= 1 + 1e-6
    assert (drawn[:, 1, 0].abs() + down).max() <= 1 + 1e-6
    assert 0.2 < (across * down).min() < 0.3
    assert (across * down).max() <= 1 + 1e-6


def test_the_trivial_choice_warps_some_images() -> None:
    """One warp each for five kinds of thirteen, of the table's strengths; the rest stay."""
    choosing = distorter(trivial=True)
    kind = torch.arange(13)
    drawn = choosing.draw(13, seeded(0), chosen=(kind, torch.ones(13)))
    still = choosing.draw(
        13, seeded(0), chosen=(torch.zeros(13, dtype=torch.int64), torch.ones(13))
    )
    assert torch.equal(drawn[[0, *range(6, 13)]], still[[0, *range(6, 13)]])
    torch.testing.assert_close(drawn[1, 0, 1], torch.tensor(math.cos(math.radians(30))))
    torch.testing.assert_close(drawn[2, 0], torch.tensor([0.0, 1.0, 0.3]))
    torch.testing.assert_close(drawn[5, 1], torch.tensor([0.6, 0.0, 1.0]))
