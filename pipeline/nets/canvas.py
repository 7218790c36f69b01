"""The first layer of every net: pixels brought onto its canvas, then normalised."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody reads

from pipeline.nets.geometry import Canvas

PIXEL_MAX = 255.0


class Input(nn.Module):
    """(N, C, H, W) pixels 0-255, uint8 or float → normalised float32 on the canvas.

    The canvas is filled with pixel value 0, the background, before normalisation.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, canvas: Canvas, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.canvas = canvas
        self.mean, self.std = tuple(mean), tuple(value or 1.0 for value in std)
        deviation = torch.tensor(self.std).view(1, -1, 1, 1)
        average = torch.tensor(self.mean).view(1, -1, 1, 1)
        self.register_buffer("scale", 1 / (PIXEL_MAX * deviation), persistent=False)
        self.register_buffer("shift", -average / deviation, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.place(images.float()) * self.scale + self.shift

    def place(self, images: Tensor) -> Tensor:
        """Scale up by the whole factor, then centre on zeros."""
        if self.canvas.scale > 1:
            factor = float(self.canvas.scale)
            images = F.interpolate(
                images, scale_factor=factor, mode="bilinear", align_corners=False
            )
        top, left = self.canvas.top, self.canvas.left
        bottom = self.canvas.height - images.shape[-2] - top
        right = self.canvas.width - images.shape[-1] - left
        if not (top or left or bottom or right):
            return images
        return F.pad(images, (left, right, top, bottom))
