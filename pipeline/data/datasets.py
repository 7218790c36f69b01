"""The data sets by name: what each one's images and classes are, known without a download."""

import string
from dataclasses import dataclass

from contract.reading.rules import Fit, Rules, current
from pipeline.config import Data, EmnistSplit

FOLDER_CHANNELS = {"rgb": 3, "grey": 1}
DIGITS = frozenset({"mnist", "qmnist", "emnist", "digits"})  # a server may frame pictures so


@dataclass(frozen=True)
class Kind:
    """What every image of a published data set is."""

    image_shape: tuple[int, int, int]  # (C, H, W)
    classes: tuple[str, ...]  # by class index


_DIGITS = tuple(string.digits)
_FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
_CIFAR10 = (
    "airplane", "automobile", "bird", "cat", "deer",
    "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip

PUBLISHED: dict[str, Kind] = {
    "mnist": Kind((1, 28, 28), _DIGITS),
    "fashion_mnist": Kind((1, 28, 28), _FASHION),
    "kmnist": Kind((1, 28, 28), _KUZUSHIJI),
    "qmnist": Kind((1, 28, 28), _DIGITS),
    "cifar10": Kind((3, 32, 32), _CIFAR10),
    "digits": Kind((1, 8, 8), _DIGITS),
}

# The letters whose lower case looks like the upper case are merged in two of the splits
# (Cohen et al., EMNIST, 2017, section II.B).
_BY_CLASS = (*string.digits, *string.ascii_uppercase, *string.ascii_lowercase)
_BY_MERGE = (*string.digits, *string.ascii_uppercase, *"abdefghnqrt")
EMNIST: dict[EmnistSplit, Kind] = {
    "byclass": Kind((1, 28, 28), _BY_CLASS),
    "bymerge": Kind((1, 28, 28), _BY_MERGE),
    "balanced": Kind((1, 28, 28), _BY_MERGE),
    "letters": Kind((1, 28, 28), tuple(string.ascii_lowercase)),
    "digits": Kind((1, 28, 28), _DIGITS),
    "mnist": Kind((1, 28, 28), _DIGITS),
}


def image_shape(data: Data) -> tuple[int, int, int]:
    """(C, H, W) of the data set that is asked for; a fallback's may be another."""
    if data.dataset == "folder":
        return (FOLDER_CHANNELS[data.folder_colour], data.folder_size, data.folder_size)
    return kind(data.dataset, data.emnist_split).image_shape


def kind(dataset: str, emnist_split: EmnistSplit) -> Kind:
    return EMNIST[emnist_split] if dataset == "emnist" else PUBLISHED[dataset]


def title(dataset: str, emnist_split: EmnistSplit) -> str:
    """The name in dataset.json: each split of emnist is a data set of its own."""
    return f"emnist_{emnist_split}" if dataset == "emnist" else dataset


def reading(dataset: str, fit: Fit) -> Rules:
    """How pictures are read for a model of `dataset`; `fit` is that of the user's own pictures."""
    return current(fit=fit) if dataset == "folder" else current(digit=dataset in DIGITS)
