"""What kind of pictures a set has: what is done to them, and what is asked of them, differs."""

from typing import Literal

from pipeline.data.arrays import Dataset

Kind = Literal["digits", "grey", "photos"]
DIGITS = frozenset({"mnist", "kmnist", "qmnist", "emnist", "digits"})
COLOURS = 3  # channels of a photo


def kind_of(dataset: Dataset) -> Kind:
    """Digits and letters by the set's name, photos by three channels; the rest is grey."""
    if dataset.name in DIGITS:
        return "digits"
    return "photos" if dataset.image_shape[0] == COLOURS else "grey"
