"""For photos of 32 px: three blocks of two convolutions, as in airbench94 (Jordan 2024).

Its first layer, whitened by the training images, is an ordinary one here: a net of one's own is
built without any data.
"""

from torch import nn

WIDTHS = (64, 256, 256)
FIRST = 24  # filters of 2x2 px


def build(channels: int, classes: int) -> nn.Module:
    """Return a net that gives logits (N, classes) for float images (N, channels, 32, 32)."""
    layers: list[nn.Module] = [nn.Conv2d(channels, FIRST, 2), nn.GELU()]
    before = FIRST
    for width in WIDTHS:
        layers += [nn.Conv2d(before, width, 3, padding="same", bias=False), nn.MaxPool2d(2)]
        layers += [nn.BatchNorm2d(width), nn.GELU()]
        layers += [nn.Conv2d(width, width, 3, padding="same", bias=False)]
        layers += [nn.BatchNorm2d(width), nn.GELU()]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(before, classes))
