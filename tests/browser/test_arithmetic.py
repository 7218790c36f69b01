"""The arithmetic on the page is the network's: every kind of layer against numpy."""

import base64
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from tests.browser.reference import Reference
from tests.browser.visit import Visit

SAMPLE = 2
MINUS = "\N{MINUS SIGN}"


def sample(model: Path, index: int) -> NDArray[np.uint8]:
    """Read a golden image from the model's metadata."""
    metadata = ort.InferenceSession(str(model)).get_modelmeta().custom_metadata_map
    shape = json.loads(metadata["image_shape"])
    pixels = np.frombuffer(base64.b64decode(json.loads(metadata["golden"])["images"]), np.uint8)
    image: NDArray[np.uint8] = pixels.reshape(-1, *shape)[index]
    return image


@pytest.fixture(scope="module")
def reference(trained: Path) -> Reference:
    return Reference(trained, sample(trained, SAMPLE))


@pytest.fixture
def chosen(page: Visit) -> Visit:
    """The page with sample 3 on it."""
    page.find("#samples button").nth(SAMPLE).click()
    page.rest()
    return page


UNITS = [
    ("input", 0, 12, 15), ("input", 0, 0, 0),
    ("conv1", 0, 10, 12), ("conv1", 5, 27, 27), ("conv2", 3, 4, 5), ("conv2", 15, 0, 9),
    ("relu1", 2, 9, 9), ("pool1", 1, 6, 7), ("pool2", 9, 2, 2),
]  # fmt: skip


def test_units_of_maps(chosen: Visit, reference: Reference) -> None:
    """Input, convolutions over one and six maps, non-linearity and pooling, at the edges too."""
    for layer, map_index, row, column in UNITS:
        said = chosen.hover(layer, map_index=map_index, row=row, column=column)
        expected = reference.unit(layer, map_index, row, column)
        assert float(said["value"]) == pytest.approx(expected, abs=1e-4), layer
        own = reference.values[f"activations/{layer}"][map_index, row, column]
        assert float(said["value"]) == pytest.approx(own, abs=1e-4), layer


def test_units_of_rows(chosen: Visit, reference: Reference) -> None:
    """Fully connected units and softmax; the last adds up to the probability that is served."""
    served = list(chosen.probabilities().values())
    names = [name for name, entry in reference.layers.items() if len(entry["shape"]) == 1]
    assert {"fully_connected", "nonlinearity", "softmax"} <= {
        reference.layers[name]["kind"] for name in names
    }
    for name in names:
        for unit in (0, 5):
            said = chosen.hover(name, map_index=0, row=0, column=unit)
            expected = reference.unit(name, 0, 0, unit)
            assert float(said["value"]) == pytest.approx(expected, abs=1e-4), name
    for unit, probability in enumerate(served):
        said = chosen.hover("softmax", map_index=0, row=0, column=unit)
        assert float(said["value"]) == pytest.approx(probability, abs=1e-4)


def test_the_sum_is_spelled_out(chosen: Visit, reference: Reference) -> None:
    """The reader's question: six patches, six kernels, six sums, which with the bias add up."""
    said = chosen.hover("conv2", map_index=0, row=5, column=5)
    parts = chosen.find("#arithmetic .part")
    assert parts.count() == 6
    sums = [float(text.replace(MINUS, "-")) for text in parts.locator("> b").all_inner_texts()]
    bias = reference.parameter("parameters/conv2.bias")[0]
    assert sum(sums) + bias == pytest.approx(float(said["value"]), abs=1e-3)
    assert "as the server computed it" in chosen.find("#arithmetic").inner_text()


def test_the_receptive_field_lights_up(chosen: Visit) -> None:
    """A unit of conv2 sees 5 by 5 of pool1, on every map, and 14 by 14 of the input."""
    chosen.hover("conv2", map_index=0, row=0, column=0)
    assert chosen.find("[data-layer=pool1] .field:visible").count() == 6
    assert "14 \N{MULTIPLICATION SIGN} 14" in chosen.find("#field-words").inner_text()
    chosen.hover("pool2", map_index=4, row=0, column=0)
    assert chosen.find("[data-layer=relu2] .field:visible").count() == 1


def test_nothing_moves_when_numbers_change(page: Visit) -> None:
    """Every part keeps its place from one sample to the next."""
    script = """() => [...document.querySelectorAll(
        "#bars li, [data-layer], #arithmetic, #filters, #bench, #training, #card")]
        .map((element) => Math.round(element.getBoundingClientRect().top + scrollY))"""
    page.hover("conv2", map_index=0, row=5, column=5)
    page.page.mouse.click(5, 500)
    page.page.evaluate("() => scrollTo({ top: 0, behavior: 'instant' })")
    before = page.page.evaluate(script)
    for index in (1, 7):
        page.find("#samples button").nth(index).click()
        page.rest()
        page.page.evaluate("() => scrollTo({ top: 0, behavior: 'instant' })")
        assert page.page.evaluate(script) == before
