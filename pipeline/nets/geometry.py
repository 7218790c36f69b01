"""Map sizes without torch: what a net makes of an image, and which nets are impossible."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.config import Model

POOL = 2  # px, window and stride of every pooling of lenet


class GeometryError(PipelineError, ValueError):
    """The net cannot be built for these images."""


@dataclass(frozen=True)
class Canvas:
    """Where an image lies on the plane that the net sees; all in px, scale is a whole factor."""

    scale: int
    top: int
    left: int
    height: int
    width: int


def fit_canvas(
    height: int, width: int, *, least: int, multiple: int = 1, square: bool = False
) -> Canvas:
    """Scale by the greatest whole factor that fits `least`, then centre on it.

    A side that is longer than `least` already is kept as it is, or goes up to the next multiple.
    """
    scale = max(1, least // max(height, width))
    sides = [max(least, side * scale) for side in (height, width)]
    if square:
        sides = [max(sides)] * 2
    out_height, out_width = (-(-side // multiple) * multiple for side in sides)
    top, left = (out_height - height * scale) // 2, (out_width - width * scale) // 2
    return Canvas(scale=scale, top=top, left=left, height=out_height, width=out_width)


def convolved(size: int, *, kernel: int, stride: int, padding: int) -> int:
    """Return how many places a kernel takes along a side; 0 where it does not fit."""
    return max(0, (size + 2 * padding - kernel) // stride + 1)


def map_sizes(model: "Model", height: int, width: int) -> tuple[int, int]:
    """Return the sides of lenet's last map; raises GeometryError where a layer leaves none."""
    block = [model.kernel, model.stride, model.padding]
    sides, convolution = (height, width), 0
    for pooling in range(1, len(model.filters) + 1):
        for _ in range(model.convolutions):
            convolution += 1
            _refuse_large_kernel(sides, convolution, *block)
            sides = _each(sides, *block)
        if min(sides) < POOL:
            raise GeometryError(
                f"model.pooling: pooling {pooling} is given a map of {_text(sides)} px and leaves "
                f"nothing of it: allowed is {POOL} x {POOL} px or more; {_ways_out(model)}"
            )
        sides = _each(sides, POOL, POOL, 0)
    return sides


def check_net(model: "Model", image_shape: Sequence[int]) -> None:
    """Refuse a net that cannot be built for images of `image_shape` (C, H, W)."""
    channels, height, width = image_shape
    if min(channels, height, width) < 1:
        raise GeometryError(f"image shape {list(image_shape)!r}: allowed is 1 or more everywhere")
    if model.name == "lenet":
        canvas = fit_canvas(height, width, least=model.canvas)
        map_sizes(model, canvas.height, canvas.width)


def _refuse_large_kernel(
    sides: tuple[int, int], convolution: int, kernel: int, stride: int, padding: int
) -> None:
    if min(_each(sides, kernel, stride, padding)) < 1:
        raise GeometryError(
            f"model.kernel is {kernel!r}: convolution {convolution} is given a map of "
            f"{_text(sides)} px with {padding} px of zeros around it; allowed is a kernel of "
            f"at most {min(sides) + 2 * padding}, fewer blocks, more padding or a larger canvas"
        )


def _each(sides: tuple[int, int], kernel: int, stride: int, padding: int) -> tuple[int, int]:
    height, width = (
        convolved(side, kernel=kernel, stride=stride, padding=padding) for side in sides
    )
    return height, width


def _text(sides: tuple[int, int]) -> str:
    return f"{sides[0]} x {sides[1]}"


def _ways_out(model: "Model") -> str:
    return (
        f"take fewer than {len(model.filters)} model.filters, a smaller model.kernel "
        f"(now {model.kernel}) or model.stride (now {model.stride}), more model.padding "
        f"(now {model.padding}) or a larger model.canvas (now {model.canvas})"
    )
