"""Arrays that are no images of the model: what shape was seen, and what to do about it."""

from math import prod

from serving.errors import BadRequest

Shape = tuple[int, int, int]  # C, H, W
_MOST_AXES = 6


def wrong_shape(seen: tuple[int, ...], wanted: Shape) -> BadRequest:
    """Tell channels last, flat and simply other shapes apart."""
    channels, height, width = wanted
    goal = f"[N, {channels}, {height}, {width}]"
    shown = str(list(seen)) if len(seen) <= _MOST_AXES else f"of {len(seen)} axes"
    start = f"the shape seen is {shown}, the shape must be {goal}"
    if seen[-3:] == (height, width, channels) and len(seen) in {3, 4}:
        return BadRequest(f"{start}: the channels come last, so transpose them to the front")
    if seen and seen[-1] == channels * height * width and len(seen) <= 2:  # noqa: PLR2004 -- N, C·H·W
        return BadRequest(f"{start}: the images are flat, so reshape them to {goal}")
    if seen[-2:] == (height, width) and channels > 1 and len(seen) in {2, 3}:
        return BadRequest(f"{start}: give each image all {channels} channels")
    return BadRequest(f"{start}, integers from 0 to 255")


def nested_shape(structure: bytes) -> tuple[int, ...] | None:
    """The shape of a nested list of which only brackets and commas are left; None if ragged."""
    axes: list[int] = []
    rest = structure
    while rest and len(axes) <= _MOST_AXES:
        close = rest.find(b"]")
        length = close - rest.rfind(b"[", 0, close) if close > 0 else 0
        leaf = b"[" + b"," * (length - 1) + b"]"
        if not length or rest.count(b"]") < 1 or leaf not in rest:
            return None
        axes.insert(0, length)
        rest = rest.replace(leaf, b"")
    shape = tuple(axes)
    if rest or not shape or prod(shape) != structure.count(b",") + 1:
        return None
    return shape if brackets(shape) == structure else None


def brackets(shape: tuple[int, ...]) -> bytes:
    """Write the brackets and commas of a nested list of this shape."""
    text = b"," * (shape[-1] - 1)
    for length in reversed(shape[:-1]):
        text = b",".join([b"[%b]" % text] * length)
    return b"[%b]" % text
