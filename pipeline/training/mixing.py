"""Mixup and cutmix: an image and the one before it in the batch, and the share of each label.

Zhang et al. 2018, mixup; Yun et al. 2019, CutMix. Every image draws a share of its own.
"""

import torch
from scipy import stats
from torch import Tensor

from pipeline.training.colours import inside

QUANTILES = 1024
COLUMNS = 4  # numbers an image: which of the two, the share, and the box's place


class Mixing:
    """By `mixup` and `cutmix`, the a of Beta(a, a), 0 for never; of both, each image takes one."""

    def __init__(self, *, mixup: float, cutmix: float, device: torch.device | str) -> None:
        self.tables = {
            name: _quantiles(alpha).to(device)
            for name, alpha in (("mixup", mixup), ("cutmix", cutmix))
            if alpha
        }

    @property
    def on(self) -> bool:
        return bool(self.tables)

    def mixed(self, pixels: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """`uniform` (N, COLUMNS) → pixels, and (N,) the share of an image's own label.

        The rest is that of the label before it in the batch: labels.roll(1).
        """
        shares = {name: _looked_up(table, uniform[:, 1]) for name, table in self.tables.items()}
        before = pixels.roll(1, 0)
        blended = cut = pixels
        if "mixup" in shares:
            part = shares["mixup"].view(-1, 1, 1, 1)
            blended = before + (pixels - before) * part
        if "cutmix" in shares:
            box = _boxes(shares["cutmix"], uniform[:, 2:], *pixels.shape[-2:])
            cut = torch.where(box[:, None], before, pixels)
            shares["cutmix"] = 1 - box.float().mean(dim=(1, 2))
        if len(shares) == 1:
            name = next(iter(shares))
            return (blended if name == "mixup" else cut), shares[name]
        first = uniform[:, 0] < 0.5  # noqa: PLR2004 - one of two
        return (
            torch.where(first.view(-1, 1, 1, 1), blended, cut),
            torch.where(first, shares["mixup"], shares["cutmix"]),
        )


def _boxes(share: Tensor, place: Tensor, height: int, width: int) -> Tensor:
    """Boxes around any pixel, of 1 - share of the area; the border cuts them."""
    side = (1 - share).clamp(min=0).sqrt()
    tall, wide = side * height, side * width
    top, left = place[:, 0] * height - tall / 2, place[:, 1] * width - wide / 2
    return inside((top, left, tall, wide), height, width)


def _quantiles(alpha: float) -> Tensor:
    places = torch.linspace(0, 1, QUANTILES + 1, dtype=torch.float64).numpy()
    return torch.from_numpy(stats.beta.ppf(places, alpha, alpha)).float()


def _looked_up(table: Tensor, uniform: Tensor) -> Tensor:
    """Between two quantiles: numbers of 0 to 1 as draws of the distribution."""
    place = uniform * QUANTILES
    low = place.floor().clamp(max=QUANTILES - 1)
    at = low.long()
    return torch.lerp(table[at], table[at + 1], place - low)
