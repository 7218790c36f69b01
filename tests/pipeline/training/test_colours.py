"""Colours of a batch against torchvision's of one image, and boxes against their definition."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as single

from pipeline.training import colours
from pipeline.training.augment import seeded
from pipeline.training.colours import Colours

IMAGES = 6


def some_pixels() -> Tensor:
    return torch.randint(0, 256, (IMAGES, 3, 17, 23), dtype=torch.uint8, generator=seeded(0))


Oracle = Callable[[Tensor, float], Tensor]
ORACLES: list[tuple[str, Oracle]] = [
    ("brighter", single.adjust_brightness),
    ("contrasted", single.adjust_contrast),
    ("saturated", single.adjust_saturation),
]


@pytest.mark.parametrize(("name", "oracle"), ORACLES)
def test_as_torchvision_does_to_one_image(name: str, oracle: Oracle) -> None:
    """Each image by its own factor; torchvision rounds grey values down on the way."""
    factors = torch.linspace(0.1, 1.9, IMAGES)
    pixels = some_pixels()
    made: Tensor = getattr(colours, name)(pixels.float(), factors)
    for number, factor in enumerate(factors.tolist()):
        wanted = oracle(pixels[number], factor).float()
        torch.testing.assert_close(made[number], wanted, atol=2.0, rtol=0)


def test_sharpness_within_the_border() -> None:
    """Torchvision leaves the outermost pixels as they are."""
    pixels, factors = some_pixels(), torch.linspace(0.1, 1.9, IMAGES)
    made = colours.sharpened(pixels.float(), factors)[..., 1:-1, 1:-1]
    for number, factor in enumerate(factors.tolist()):
        wanted = single.adjust_sharpness(pixels[number], factor).float()[..., 1:-1, 1:-1]
        torch.testing.assert_close(made[number], wanted, atol=2.0, rtol=0)


@pytest.mark.parametrize(
    ("kind", "oracle"),
    [
        (10, lambda image: single.posterize(image, 4)),
        (11, lambda image: single.solarize(image, 0)),
        (12, single.autocontrast),
    ],
)
def test_the_trivial_choice_at_its_strongest(kind: int, oracle: Callable[[Tensor], Tensor]) -> None:
    """The chosen image is changed as torchvision does, the others are not touched."""
    pixels = (some_pixels() // 2 + 40).to(torch.uint8)
    kinds = torch.tensor([kind, 0, 1, 2, 3, 5])
    made = colours.trivial(pixels.float(), kinds, torch.ones(IMAGES))
    torch.testing.assert_close(made[0], oracle(pixels[0]).float(), atol=1.0, rtol=0)
    assert torch.equal(made[1:], pixels[1:].float())


def test_grey_and_erased_by_their_probabilities() -> None:
    """Where the number lies below the probability, and there alone."""
    pixels = some_pixels().float()
    uniform = torch.full((IMAGES, colours.COLUMNS), 0.5)
    uniform[0, 3] = uniform[1, 4] = 0.1
    made = Colours(colour=0.0, grey=0.2, erase=0.2).changed(pixels, uniform)
    assert torch.equal(made[0, 0], made[0, 1])
    box = (made[1] != pixels[1]).any(dim=0)
    rows, columns = box.any(dim=1).sum(), box.any(dim=0).sum()
    assert box.sum() == rows * columns, "a box"
    assert 0.02 <= float(box.float().mean()) <= 0.4
    filled = made[1][:, box]
    torch.testing.assert_close(filled, pixels[1].mean(dim=(1, 2))[:, None].expand_as(filled))
    assert torch.equal(made[2:], pixels[2:])


def test_boxes_are_of_the_asked_area_and_inside() -> None:
    """2 to 33 % of the area on average over many, any place."""
    found = colours.boxes(torch.rand(2000, 3, generator=seeded(0)), 32, 32)
    shares = found.float().mean(dim=(1, 2))
    assert 0.15 < float(shares.mean()) < 0.19
    assert float(shares.max()) < 0.37
    assert float(found.any(dim=0).float().mean()) > 0.99
