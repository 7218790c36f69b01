"""The probes are the same for ever, fit into a model's metadata, and find another decoder."""

import hashlib
from importlib import resources

import msgspec
import numpy as np
import pytest

from contract.reading import probes, reader
from contract.reading.errors import MissingDecoder
from contract.reading.probes import Probes, Seen, check, fingerprint
from contract.reading.rules import BEFORE, FORMATS, current
from contract.reading.signatures import format_of

HASHES = {
    "bits.pbm": "7ecee88d8bda0d14",
    "clear.png": "b7c25ef687949435",
    "grey16.png": "61a7f71f0d410134",
    "inks.jpg": "109f973587174845",
    "large.jpg": "b6523ee9fe468164",
    "lossy.avif": "27236a23284516f1",
    "lossy.webp": "cc1c836a1869c8e7",
    "lzw.tif": "9f42e8b7cc5392e9",
    "palette.gif": "e77166fb969a850e",
    "progressive.jpg": "cb8f57d573b61159",
    "runs.bmp": "c275f8c168eb4016",
    "turned.jpg": "95f6997a85956911",
}
SHAPES = [(1, 28, 28), (3, 32, 32), (3, 224, 224), (1, 64, 96)]


def shipped() -> dict[str, bytes]:
    folder = resources.files("contract.reading") / "probe_files"
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_files_never_change() -> None:
    """Twelve of eight formats in 32 KB: models in use know their pixels by name."""
    files = shipped()
    assert {name: hashlib.sha256(data).hexdigest()[:16] for name, data in files.items()} == HASHES
    assert len(files) == 12
    assert sum(map(len, files.values())) <= 32 << 10
    assert {format_of(data) for data in files.values()} == set(FORMATS) - {"HEIF"}


@pytest.mark.parametrize("shape", SHAPES)
def test_this_build_reads_as_itself(shape: tuple[int, int, int]) -> None:
    """No fault, all twelve, within 32 KB of JSON, for each way into the square."""
    for rules in (current(), current(fit="crop"), current(fit="pad", digit=True)):
        seen = fingerprint(rules, shape)
        assert len(seen.seen) == 12
        text = msgspec.json.encode(seen)
        assert len(text) <= 32 << 10
        assert check(msgspec.json.decode(text, type=Probes), rules, shape) == []


def test_a_large_model_keeps_no_more() -> None:
    """2,048 values of a lossy picture, however many it has."""
    assert len(msgspec.json.encode(fingerprint(current(), (3, 512, 512)))) <= 32 << 10


def test_other_rules_are_other_pixels() -> None:
    """Squeezed is not cropped: every probe that is not square says so, and by how much."""
    seen = fingerprint(current(), (3, 32, 32))
    faults = check(seen, current(fit="crop"), (3, 32, 32))
    assert len(faults) >= 10
    assert all("gives other pixels here than at export: up to" in fault for fault in faults)
    assert any("large.jpg (JPEG)" in fault and "2 are allowed" in fault for fault in faults)
    assert any("runs.bmp (BMP)" in fault and "none is allowed" in fault for fault in faults)


def shifted(seen: Seen, levels: int) -> Seen:
    """As if export had seen other pixels."""
    kept = np.frombuffer(seen.values, np.uint8).astype(int)
    other = np.where(kept > 127, kept - levels, kept + levels).astype(np.uint8)
    return msgspec.structs.replace(seen, sha256="0" * 64, values=other.tobytes())


@pytest.mark.parametrize(("levels", "lossy", "exact"), [(0, 0, 6), (2, 0, 6), (3, 6, 6)])
def test_lossy_formats_may_differ_by_two_levels(levels: int, lossy: int, exact: int) -> None:
    """PNG, BMP, GIF, TIFF and PNM by none, even where the difference is not among those kept."""
    seen = fingerprint(current(), (3, 32, 32)).seen
    for kinds, count in (
        ([one for one in seen if one.format in probes.LOSSY], lossy),
        ([one for one in seen if one.format not in probes.LOSSY], exact),
    ):
        others = Probes(tuple(shifted(one, levels) for one in kinds))
        assert len(check(others, current(), (3, 32, 32))) == count


def test_version_0_has_the_probes_of_its_formats() -> None:
    """PNG and JPEG; a model of other channels has none."""
    seen = fingerprint(BEFORE, (3, 32, 32)).seen
    assert {one.format for one in seen} == {"PNG", "JPEG"}
    assert fingerprint(current(), (4, 32, 32)) == Probes(())
    assert check(Probes(()), current(), (4, 32, 32)) == []


def test_a_format_without_a_decoder_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server says at its start which formats it lacks; the rest is compared."""
    seen = fingerprint(current(), (1, 28, 28))
    whole = reader.read

    def without_webp(data: bytes, **options: object) -> object:
        if format_of(data) == "WEBP":
            raise MissingDecoder("this build has no WebP")
        return whole(data, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(probes, "read", without_webp)
    assert check(seen, current(), (1, 28, 28)) == []
    assert len(fingerprint(current(), (1, 28, 28)).seen) == 11


def test_a_later_releases_probe_is_passed_over() -> None:
    """Its file is not here; the others are compared."""
    later = Seen("new.png", "PNG", "0" * 64, b"")
    assert check(Probes((later,)), current(), (1, 28, 28)) == []
