"""An example: two convolutions and a linear layer, for images of any size."""

from torch import nn


def build(channels: int, classes: int) -> nn.Module:
    """Return a net that gives logits (N, classes) for float images (N, channels, H, W)."""
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding="same"),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding="same"),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, classes),
    )
