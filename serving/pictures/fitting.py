"""One picture's bytes → the model's pixels, by the model's own rules, or framed as a digit.

`auto` obeys the rules: where they say `digit`, a picture of another size than the model's is
framed as MNIST was made; every other one is read as training read it. (docs/http.md)
"""

from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract.reading.errors import (
    BrokenPicture,
    MissingDecoder,
    PictureError,
    TooManyPixels,
    UnknownFormat,
)
from contract.reading.reader import flatten, read
from contract.reading.rules import Rules
from serving.errors import BadRequest, ServingError, TooLarge, UnsupportedMediaType
from serving.pictures.digit import LONGEST_SIDE, fit_digit

Pixels = NDArray[np.uint8]  # (C, H, W)
Fit = Literal["auto", "digit", "resize"]

FRAMED_FROM = (LONGEST_SIDE // 2, LONGEST_SIDE // 2)  # px: a JPEG keeps at least twice that
_GREY, _COLOUR = 1, 3
_PNG_SIZE = slice(16, 24)  # width and height, big endian, behind signature, length and type
_STATUSES: dict[type[PictureError], type[ServingError]] = {
    UnknownFormat: UnsupportedMediaType,
    MissingDecoder: UnsupportedMediaType,
    TooManyPixels: TooLarge,
    BrokenPicture: BadRequest,
}


class Way(Struct, frozen=True, kw_only=True):
    """How the pictures of one request become images; `max_pixels` only lowers the rules' cap."""

    rules: Rules
    shape: tuple[int, int, int]
    fit: Fit = "auto"
    max_pixels: int | None = None

    @property
    def may_frame(self) -> bool:
        """Whether a picture that has not the model's size is framed as a digit."""
        return self.fit == "digit" or (self.fit == "auto" and self.rules.digit)

    def check_channels(self) -> None:
        """Raise BadRequest where no picture can become an image of the model."""
        if self.shape[0] not in (_GREY, _COLOUR):
            raise BadRequest(
                f"this model takes {self.shape[0]} channels, pictures have 1 or 3: send numbers"
            )

    def check_fit(self) -> None:
        """Raise BadRequest for a fit that the model's rules do not know."""
        if self.fit == "digit" and not self.rules.digit:
            raise BadRequest("fit=digit is for models of digits, this is none: leave fit away")


def fitted(data: bytes, way: Way) -> Pixels:
    """Read one picture, (C, H, W).

    BadRequest: empty, broken, cut short; TooLarge: above the cap, before any pixel is decoded;
    UnsupportedMediaType: no picture, whatever it is called, or of a format not installed here.
    """
    if not data:
        raise BadRequest("the picture is empty: send its whole file")
    try:
        if way.may_frame and not (way.fit == "auto" and _is_exact(data, way)):
            return _digit(data, way)
        return read(data, rules=way.rules, shape=way.shape, max_pixels=way.max_pixels)
    except PictureError as error:
        for kind, status in _STATUSES.items():
            if isinstance(error, kind):
                raise status(str(error)) from None
        raise BadRequest(str(error)) from None


def _is_exact(data: bytes, way: Way) -> bool:
    """Whether a PNG says of itself that it has the model's size; others are asked when decoded."""
    height, width = way.shape[1:]
    sides = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return data.startswith(b"\x89PNG") and data[_PNG_SIZE] == sides


def _digit(data: bytes, way: Way) -> Pixels:
    channels, height, width = way.shape
    grey = flatten(
        data,
        rules=way.rules,
        channels=_GREY,
        target=FRAMED_FROM,
        alpha="ink",
        max_pixels=way.max_pixels,
    )[0]
    if way.fit == "auto" and grey.shape == (height, width):
        return read(data, rules=way.rules, shape=way.shape, max_pixels=way.max_pixels)
    return np.repeat(fit_digit(grey, height=height, width=width)[None], channels, axis=0)
