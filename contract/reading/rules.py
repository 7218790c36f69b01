"""How pictures become pixels, as a value that travels in the model's file."""

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from contract.reading.errors import RulesError

Fit: TypeAlias = Literal["squeeze", "crop", "pad"]

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "GIF", "TIFF", "PPM", "HEIF")
MAX_PIXELS = 64_000_000  # of one picture; a phone's 50 megapixels pass
VERSION = 1


class Rules(Struct, frozen=True, kw_only=True):
    """What one version leaves open. The rest is the same in all of them, and not said here.

    A file is known by its signature; of an animation the first frame counts; EXIF orientation is
    applied; 16 bits give their high byte; colour profiles (ICC) and gamma are not applied.
    """

    version: int
    formats: tuple[str, ...]
    max_pixels: Annotated[int, Meta(gt=0)]
    fit: Fit  # the whole picture squeezed, its centre by the shorter side, or with black bars
    alpha: Literal["paper", "ink_if_plain"]  # white paper; or ink, where only alpha draws
    jpeg_scaling: bool  # decode at the smallest DCT scale with twice the size resized to
    digit: bool  # the server may frame a picture as MNIST's digits were


class _Version(Struct):
    version: int


BEFORE = Rules(
    version=0,
    formats=("PNG", "JPEG"),
    max_pixels=1 << 24,
    fit="squeeze",
    alpha="ink_if_plain",
    jpeg_scaling=False,
    digit=False,
)  # what the server did to models whose files name no rules


def current(*, fit: Fit = "squeeze", digit: bool = False) -> Rules:
    """Of today's version: a model of digits takes alpha for ink only in its digit framing."""
    return Rules(
        version=VERSION,
        formats=FORMATS,
        max_pixels=MAX_PIXELS,
        fit=fit,
        alpha="paper",
        jpeg_scaling=True,
        digit=digit,
    )


def known(rules: Rules) -> Rules:
    """Give them back; raises RulesError for a version or formats that are not known here."""
    if not 0 <= rules.version <= VERSION:
        raise _unknown_version(rules.version)
    unknown = [name for name in rules.formats if name not in FORMATS]
    if unknown:
        raise RulesError(
            f"the model's reading rules name formats {unknown!r}, this release knows "
            f"{', '.join(FORMATS)}: upgrade the server, or export the model again"
        )
    return rules


def decoded(text: str | bytes) -> Rules:
    """Rules as JSON → Rules that are known; raises RulesError."""
    try:
        version = msgspec.json.decode(text, type=_Version).version
        if not 0 <= version <= VERSION:
            raise _unknown_version(version)
        return known(msgspec.json.decode(text, type=Rules))
    except msgspec.DecodeError as error:
        raise RulesError(
            f"the model's reading rules cannot be read ({error}): export the model again"
        ) from None


def _unknown_version(version: int) -> RulesError:
    return RulesError(
        f"the model's reading rules are of version {version}, this release knows 0 to {VERSION}: "
        "upgrade the server, or export the model again with this release"
    )
