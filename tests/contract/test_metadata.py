"""What a file says of itself is read as it was written; what is missing or broken is named."""

import json

import numpy as np
import pytest
from msgspec.structs import replace

from contract import metadata, sidecars
from contract.metadata import DatasetMark, Golden, Metadata, MetadataError, Statistics
from contract.reading.errors import RulesError
from contract.reading.rules import BEFORE, current
from contract.statistics import Histogram, Reference

IMAGES = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
PROBABILITIES = np.array([[0.1, 0.9], [0.75, 0.25]], np.float32)


def statistics(*fractions: float) -> Statistics:
    bins = Histogram(edges=(0.0, 2.0, 256.0), fractions=fractions)
    spread = Reference(intensity=bins, ink_mass=bins, centre_row=bins, centre_column=bins)
    return Statistics(mean=(0.5,), std=(0.3,), reference=spread)


WRITTEN = Metadata(
    model_name="kites-classifier",
    net="lenet",
    classes=("red", "blau ü"),
    image_shape=(3, 4, 5),
    dataset=DatasetMark(
        name="kites", requested="kites", source="published", sha256="0", test_sha256="1"
    ),
    params_sha256="2",
    parameters=7,
    statistics=statistics(0.9, 0.1),
    golden=Golden.of(IMAGES, np.array([1, 0]), PROBABILITIES),
    reading=current(fit="crop"),
    trained_formats=("PNG", "GIF"),
)


def test_what_is_written_is_read_back() -> None:
    """Through the strings that ONNX keeps, to the last bit."""
    found = metadata.read(WRITTEN.properties())
    assert found == WRITTEN
    images, probabilities = found.golden.arrays((3, 4, 5))
    assert np.array_equal(images, IMAGES)
    assert np.array_equal(probabilities, PROBABILITIES)
    assert probabilities.dtype == np.float32


def test_what_later_releases_add_is_let_pass() -> None:
    """Entries and fields that are not known here."""
    properties = WRITTEN.properties()
    more = json.dumps({**json.loads(properties["statistics"]), "median": [0.4]})
    assert metadata.read(properties | {"statistics": more, "colour": "warm"}) == WRITTEN


@pytest.mark.parametrize(("shape", "digit"), [((1, 28, 28), True), ((1, 32, 32), False)])
def test_without_rules_a_file_is_from_before(shape: tuple[int, int, int], *, digit: bool) -> None:
    """Rules of version 0; digits were what is grey, 28 by 28."""
    properties = replace(WRITTEN, image_shape=shape).properties()
    for name in ("reading", "trained_formats", "probes"):
        del properties[name]
    found = metadata.read(properties)
    assert found.reading == replace(BEFORE, digit=digit)
    assert (found.trained_formats, found.probes.seen) == ((), ())


def test_faults_are_named() -> None:
    """The entry that is missing, or what is wrong with it."""
    properties = WRITTEN.properties()
    with pytest.raises(MetadataError, match="has no 'classes'"):
        metadata.read({key: text for key, text in properties.items() if key != "classes"})
    with pytest.raises(MetadataError, match=r"'parameters': Expected `int`"):
        metadata.read(properties | {"parameters": "[]"})
    with pytest.raises(RulesError, match="version 99"):
        metadata.read(properties | {"reading": '{"version": 99}'})
    for spoilt in (
        replace(WRITTEN.golden, images="!"),
        replace(WRITTEN.golden, images="AAAA"),
        replace(WRITTEN.golden, probabilities=((0.5,), (0.5, 0.5))),
    ):
        with pytest.raises(MetadataError, match="'golden'"):
            spoilt.arrays((3, 4, 5))


def test_brightness_comes_from_the_histogram() -> None:
    """Weight above the first bin; not where there are no histograms."""
    assert statistics(0.9, 0.1).is_bright
    assert not statistics(1.0, 0.0).is_bright
    assert not Statistics(mean=(0.5,), std=(0.3,)).is_bright


def test_sidecars_name_their_model() -> None:
    """Layers keep what all kinds say; another model's file is refused, and so is none."""
    layer = {"name": "conv1", "kind": "convolution", "shape": [6, 28, 28], "stride": 1}
    properties = sidecars.properties("abc", [layer])
    (found,) = sidecars.layers(properties, model_sha256="abc")
    assert (found.name, found.shape, found.weight) == ("conv1", (6, 28, 28), None)
    assert json.loads(properties["layers"]) == [layer]
    with pytest.raises(MetadataError, match="another model"):
        sidecars.layers(properties, model_sha256="abd")
    for text in ("", "[{}]", "nonsense"):
        with pytest.raises(MetadataError, match="list its layers"):
            sidecars.layers(properties | {"layers": text}, model_sha256="abc")
    assert sidecars.card_model(b'{"model_sha256": "abc", "metrics": {}}') == "abc"
    for card in (b"", b"[]", b"{}", b'{"model_sha256": 3}', b'{"model_sha256": "abc"', b"\xff"):
        assert sidecars.card_model(card) is None
