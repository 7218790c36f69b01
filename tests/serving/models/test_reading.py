"""What a model's file says of reading pictures: rules, formats, probes; and what is refused."""

import json
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
import pytest

from contract.reading.decoders import unreadable
from contract.reading.probes import LOSSY, Probes, Seen, fingerprint
from contract.reading.rules import BEFORE, current
from serving.errors import ModelRefused
from serving.models.model import Facts, load
from tests.serving.live import serving
from tests.serving.onnx_files import build_model


def facts(
    shape: tuple[int, int, int] = (1, 28, 28), *, reference: object = None, **more: object
) -> Facts:
    written = {key: json.dumps(value) for key, value in more.items()}
    histograms = {"intensity": reference} if reference else None
    return load(build_model(shape=shape, more=written, reference=histograms), threads=1).facts


def as_json(**changes: object) -> dict[str, object]:
    return {**msgspec.to_builtins(current()), **changes}


def test_a_file_without_rules_is_read_by_version_0() -> None:
    """Digits were what is 28 by 28 and grey."""
    old = facts().rules
    assert (old.version, old.digit, old.formats) == (0, True, BEFORE.formats)
    assert not facts((3, 28, 28)).rules.digit
    assert not facts((1, 32, 32)).rules.digit
    assert facts().trained_formats == ()


def test_the_files_rules_are_obeyed() -> None:
    """They say digit or not, whatever the shape."""
    found = facts(reading=as_json(fit="pad"), trained_formats=["PNG", "WEBP"])
    assert (found.rules.fit, found.rules.digit) == ("pad", False)
    assert found.trained_formats == ("PNG", "WEBP")
    assert facts((3, 8, 8), reading=as_json(digit=True)).rules.digit


def shifted(seen: Seen, levels: int) -> Seen:
    """As if export had seen other pixels."""
    kept = np.frombuffer(seen.values, np.uint8)
    other = np.where(kept > 127, kept - levels, kept + levels).astype(np.uint8)
    return msgspec.structs.replace(seen, sha256="0" * 64, values=other.tobytes())


def exported(shape: tuple[int, int, int], levels: int, *, lossy: bool) -> Facts:
    """Of a model whose export read one kind of formats `levels` otherwise."""
    seen = fingerprint(current(), shape).seen
    other = [shifted(one, levels) if (one.format in LOSSY) == lossy else one for one in seen]
    return facts(shape, reading=as_json(), probes=msgspec.to_builtins(Probes(tuple(other))))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 8, 8)])
def test_probes_that_read_as_at_export_load(shape: tuple[int, int, int]) -> None:
    """Those of this build do, and lossy ones within two levels."""
    assert len(exported(shape, 0, lossy=True).probes.seen) == 12
    assert exported(shape, 2, lossy=True).probes.seen
    assert facts(shape).probes == Probes(())  # from before


@pytest.mark.parametrize(
    ("levels", "lossy", "words"),
    [
        (
            3,
            True,
            r"probe large.jpg \(JPEG\) gives other pixels.*up to 3 levels.*and 2 are allowed",
        ),
        (1, False, r"probe clear.png \(PNG\) gives other pixels.*up to 1 levels.*none is allowed"),
    ],
)
def test_probes_that_read_otherwise_are_refused(levels: int, words: str, *, lossy: bool) -> None:
    """By more than 2 levels in a lossy format, by any in another; it says what to do."""
    with pytest.raises(ModelRefused, match=f"otherwise here.*{words}.*Install the Pillow"):
        exported((1, 28, 28), levels, lossy=lossy)


@pytest.mark.parametrize("probes", [[], {"seen": 7}, {"seen": [{"name": "clear.png"}]}])
def test_probes_that_cannot_be_read_are_refused(probes: object) -> None:
    """As any other entry is."""
    with pytest.raises(ModelRefused, match="metadata cannot be read"):
        facts(probes=probes)


@pytest.mark.parametrize(
    "reading",
    [as_json(version=99), as_json(version="1"), as_json(fit="stretch"), [], 7, {}],
)
def test_unknown_rules_are_refused(reading: object) -> None:
    """With the version, or what cannot be read, and what to do."""
    with pytest.raises(ModelRefused, match=r"reading rules .*export the model again"):
        facts(reading=reading)


def test_a_later_version_says_what_to_do() -> None:
    """Also where its other fields are new: upgrade, or export again."""
    later = {"version": 2, "fit": "seam_carving"}
    with pytest.raises(ModelRefused, match=r"version 2.*0 to 1: upgrade the server, or export"):
        facts(reading=later)


def test_brightness_is_a_fact() -> None:
    """From the histogram of the training set."""
    bins = {"edges": [0, 16, 256]}
    assert facts(reference={**bins, "fractions": [0.9, 0.1]}).is_bright
    assert not facts(reference={**bins, "fractions": [1.0, 0.0]}).is_bright
    assert not facts().is_bright


def test_formats_that_cannot_be_read_here_are_named() -> None:
    """Pillow's own are there; what nobody knows is not."""
    own = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "GIF", "TIFF", "PPM")
    assert unreadable(own) == []
    assert unreadable(("PNG", "JXL")) == ["JXL"]
    assert unreadable(("HEIF",)) == ([] if find_spec("pillow_heif") else ["HEIF"])


def test_the_server_says_at_start_what_it_will_not_read(tmp_path: Path) -> None:
    """Formats that were trained on, and a cap below the model's own."""
    path = tmp_path / "model.onnx"
    more = {"reading": json.dumps(as_json()), "trained_formats": '["PNG", "JXL"]'}
    path.write_bytes(build_model(more=more))
    with serving("--model", str(path), "--max-pixels", "1000") as server:
        metadata = server.get("/v2/models/digits-classifier")["parameters"]
    log = "".join(server.log)
    assert "trained on JXL pictures" in log
    assert "--max-pixels 1000 is below the 64000000" in log
    assert metadata["max_pixels"] == 1000
    assert metadata["body_limit"] == 32 << 20
    path.write_bytes(build_model(more={**more, "trained_formats": '["PNG"]'}))
    with serving("--model", str(path)) as server:
        assert server.get("/v2/models/digits-classifier")["parameters"]["max_pixels"] == 64_000_000
    assert not [line for line in server.log if "WARNING" in line]
