"""Twelve pictures that every build must read alike: what they gave at export, and here.

A model carries the pixels they gave under its rules. A build of Pillow, libjpeg, libwebp or
libavif that gives others would serve other pictures than training saw.
"""

import hashlib
from importlib import resources

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract.reading.errors import MissingDecoder, PictureError
from contract.reading.reader import read
from contract.reading.rules import Rules
from contract.reading.signatures import format_of

LOSSY = frozenset({"JPEG", "WEBP", "AVIF", "HEIF"})
TOLERANCE = 2  # levels, of a lossy format
MOST_VALUES, FEW_VALUES = 2048, 256  # kept of one lossy picture; of an exact one, to say how much
_NAMES = (  # never changed under a name: tests/contract/reading/make_probes.py made them
    "bits.pbm",
    "clear.png",
    "grey16.png",
    "inks.jpg",
    "large.jpg",
    "lossy.avif",
    "lossy.webp",
    "lzw.tif",
    "palette.gif",
    "progressive.jpg",
    "runs.bmp",
    "turned.jpg",
)

Pixels = NDArray[np.uint8]  # (C, H, W)


class Seen(Struct, frozen=True):
    """What one probe gave: all pixels by their hash, some by their values."""

    name: str
    format: str
    sha256: str  # of (C, H, W) bytes
    values: bytes  # evenly spaced ones; base64 in JSON


class Probes(Struct, frozen=True):
    """What is kept in the model's metadata, some 25 KB at most."""

    seen: tuple[Seen, ...]


def fingerprint(rules: Rules, shape: tuple[int, int, int]) -> Probes:
    """Read all probes whose formats the rules name and this build decodes; shape is (C, H, W).

    None for channels that no picture has.
    """
    if shape[0] not in (1, 3):
        return Probes(())
    return Probes(tuple(found for name in _NAMES if (found := _seen(name, rules, shape))))


def check(probes: Probes, rules: Rules, shape: tuple[int, int, int]) -> list[str]:
    """A sentence for each probe that this build reads otherwise; none: it reads as export did.

    Formats that cannot be read here at all are not meant (decoders.unreadable says which), nor
    are probes of a later release.
    """
    faults = []
    for seen in probes.seen:
        if seen.name not in _NAMES:
            continue
        try:
            pixels = read(_file(seen.name), rules=rules, shape=shape)
        except MissingDecoder:
            continue
        except PictureError as error:
            faults.append(f"the probe {seen.name} ({seen.format}) is refused here: {error}")
            continue
        if fault := _difference(seen, pixels):
            faults.append(fault)
    return faults


def _seen(name: str, rules: Rules, shape: tuple[int, int, int]) -> Seen | None:
    data = _file(name)
    kind = format_of(data) or ""
    if kind not in rules.formats:
        return None
    try:
        pixels = read(data, rules=rules, shape=shape)
    except MissingDecoder:
        return None
    values = _some(pixels, MOST_VALUES if kind in LOSSY else FEW_VALUES)
    return Seen(name, kind, _hash(pixels), values.tobytes())


def _difference(seen: Seen, pixels: Pixels) -> str | None:
    if _hash(pixels) == seen.sha256:
        return None
    kept = np.frombuffer(seen.values, np.uint8)
    here = _some(pixels, kept.size)
    most = (
        int(np.abs(kept.astype(np.int16) - here).max(initial=0)) if here.size == kept.size else 255
    )
    if seen.format in LOSSY and most <= TOLERANCE:
        return None
    allowed = f"{TOLERANCE} are" if seen.format in LOSSY else "none is"
    return (
        f"the probe {seen.name} ({seen.format}) gives other pixels here than at export: "
        f"up to {most} levels among {kept.size} compared, and {allowed} allowed"
    )


def _some(pixels: Pixels, most: int) -> Pixels:
    flat = pixels.reshape(-1)
    return flat[np.linspace(0, flat.size - 1, min(most, flat.size)).astype(np.int64)]


def _hash(pixels: Pixels) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def _file(name: str) -> bytes:
    return (resources.files("contract.reading") / "probe_files" / name).read_bytes()
