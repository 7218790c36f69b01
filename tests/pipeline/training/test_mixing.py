"""Mixup and cutmix: pixels, shares and losses against their definitions."""

import pytest
import torch

from pipeline.training.augment import seeded
from pipeline.training.losses import loss
from pipeline.training.mixing import COLUMNS, Mixing

IMAGES = 500


def numbers() -> torch.Tensor:
    return torch.rand(IMAGES, COLUMNS, generator=seeded(1))


def flat_images() -> torch.Tensor:
    """Each of one value, its number."""
    return torch.arange(IMAGES).view(-1, 1, 1, 1).expand(-1, 3, 16, 16).float()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_shares_are_of_the_beta_distribution(alpha: float) -> None:
    """Mean a half, variance 1 / (8 alpha + 4)."""
    _, shares = Mixing(mixup=alpha, cutmix=0.0, device="cpu").mixed(flat_images(), numbers())
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.05)
    assert float(shares.var()) == pytest.approx(1 / (8 * alpha + 4), rel=0.15)


def test_mixup_blends_with_the_image_before() -> None:
    """By the share that is told; the first image goes with the last."""
    images = flat_images()
    made, shares = Mixing(mixup=1.0, cutmix=0.0, device="cpu").mixed(images, numbers())
    wanted = shares.view(-1, 1, 1, 1) * images + (1 - shares.view(-1, 1, 1, 1)) * images.roll(1, 0)
    torch.testing.assert_close(made, wanted, atol=1e-3, rtol=1e-5)


def test_cutmix_tells_the_share_that_is_left() -> None:
    """A box of the image before; the share is that of the pixels outside of it."""
    images = flat_images()
    made, shares = Mixing(mixup=0.0, cutmix=1.0, device="cpu").mixed(images, numbers())
    own = (made == images).float().mean(dim=(1, 2, 3))
    torch.testing.assert_close(own, shares)
    assert bool(((made == images) | (made == images.roll(1, 0))).all())
    assert int((shares < 1).sum()) > 0


def test_of_both_each_image_takes_one() -> None:
    """About half are blended, the others cut."""
    made, _ = Mixing(mixup=1.0, cutmix=1.0, device="cpu").mixed(flat_images(), numbers())
    whole = int((made == made.round()).all(dim=(1, 2, 3)).sum())
    assert 200 < whole < 300


@pytest.mark.parametrize("name", ["cross_entropy", "squared_error"])
def test_the_loss_is_shared_between_two_labels(name: str) -> None:
    """As computed image by image."""
    logits = torch.randn(3, 4, generator=seeded(0))
    labels, shares = torch.tensor([0, 3, 1]), torch.tensor([1.0, 0.25, 0.5])
    one = [
        shares[n] * loss(name, logits[n : n + 1], labels[n : n + 1])
        + (1 - shares[n]) * loss(name, logits[n : n + 1], labels[n - 1 : n or None][:1])
        for n in range(3)
    ]
    found = loss(name, logits, labels, shares=shares)
    torch.testing.assert_close(found, torch.stack(one).mean())
