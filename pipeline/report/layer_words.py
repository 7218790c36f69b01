"""What the report says of a model's layers, by the kinds and functions that they have."""

from collections.abc import Iterable

from contract.sidecars import Layer

NONLINEARITIES = {
    "relu": "ReLU, which sets negative values to zero",
    "tanh": "tanh, which maps every value into -1 to 1",
    "sigmoid": "sigmoid, which maps every value into 0 to 1",
    "gelu": "GELU, which weights each value by the normal distribution below it",
    "silu": "SiLU, which weights each value by its own sigmoid",
}
POOLINGS = {
    "max": "max pooling, which keeps the largest value of each window",
    "average": "average pooling, which keeps the mean of each window",
    "sum": "sum pooling, which keeps the sum of each window",
}
CHANNELS = {1: "one number for each pixel", 3: "red, green and blue"}


def steps(layers: Iterable[Layer]) -> str:
    """One sentence on the columns of the feature maps, in the order of a net's parts."""
    found = {(layer.kind, layer.function or "") for layer in layers}
    kinds = {kind for kind, _ in found}
    parts = ["the image", "the network's input"]
    if "convolution" in kinds:
        parts.append("the feature maps of convolutions")
    for kind, names in (("nonlinearity", NONLINEARITIES), ("pooling", POOLINGS)):
        parts += [words for name, words in names.items() if (kind, name) in found]
    if "fully_connected" in kinds:
        parts.append("fully connected units")
    return f"From left to right: {'; '.join(parts)}; at the end one probability for each class."


def pools(layers: Iterable[Layer]) -> bool:
    return any(layer.kind == "pooling" for layer in layers)


def image_words(shape: tuple[int, ...]) -> str:
    """Size and channels of images of `shape` (C, H, W)."""
    channels, height, width = shape
    numbers = CHANNELS.get(channels, f"{channels} numbers for each pixel")
    return f"{width} \N{MULTIPLICATION SIGN} {height} pixels, {numbers}"
