"""The kernel bench: every kernel, stride and padding against a reference convolution."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.browser.visit import Visit

KERNELS = ("Identity", "Edge detection", "Upright edges", "Sharpen", "Box blur", "Gaussian blur")
Values = NDArray[np.float64]


def convolved(image: Values, kernel: Values, *, stride: int, padding: int) -> Values:
    """Cross-correlation by its definition."""
    side = len(kernel)
    padded = np.pad(image, padding)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))[::stride, ::stride]
    result: Values = np.einsum("rcij,ij->rc", windows, kernel)
    return result


def picture(page: Visit, tmp_path_factory: pytest.TempPathFactory) -> Values:
    """What the network sees now, from the page's own JSON."""
    path = tmp_path_factory.mktemp("saved") / "page.json"
    with page.page.expect_download() as download:
        page.find("#json").click()
    download.value.save_as(path)
    image = json.loads(path.read_text())["image"]
    pixels: Values = np.reshape(image["pixels"], image["shape"])[0] / 255
    return pixels


@pytest.mark.parametrize("size", [3, 5])
def test_results_are_a_convolution(
    page: Visit, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the kernel, stride and padding: pixels across the result are as numpy has them."""
    image = picture(page, tmp_path_factory)
    page.find("#bench-size").select_option(index=(size - 3) // 2)
    for number, name in enumerate(KERNELS):
        stride, padding = number % 3 + 1, number % 3
        page.find("#bench-kernel").select_option(name)
        page.find("#bench-stride").select_option(str(stride))
        page.find("#bench-padding").select_option(str(padding))
        cells = page.find(".kernel-input input").all()
        shown = np.array([float(cell.input_value()) for cell in cells]).reshape(size, size)
        expected = convolved(image, shown, stride=stride, padding=padding)
        found = _row_of_results(page, expected.shape[0] // 2)
        assert found == pytest.approx(expected[expected.shape[0] // 2], abs=0.02), (
            name
        )  # shown: 3 decimals
        assert f"= {len(expected)} pixels" in page.find("#bench-formula").inner_text()


def _row_of_results(page: Visit, row: int) -> list[float]:
    """Walk along one row with the arrow keys."""
    script = """(output, row) => {
        const { width, height } = output.querySelector("canvas");
        const press = (key, times) => { for (let i = 0; i < times; i += 1)
            output.dispatchEvent(new KeyboardEvent("keydown", { key, cancelable: true })); };
        press("ArrowLeft", width); press("ArrowUp", height); press("ArrowDown", row);
        return Array.from({ length: width }, () => {
            const { value } = document.querySelector("#bench-sum").dataset;
            press("ArrowRight", 1);
            return Number(value);
        });
    }"""
    values: list[float] = page.find("#bench-output").evaluate(script, row)
    return values


def test_the_posts_example(page: Visit) -> None:
    """Figure 5: a 5 by 5 binary picture and its kernel give 4 3 4, 2 4 3, 2 3 4."""
    page.find("#bench-picture").select_option("5 \N{MULTIPLICATION SIGN} 5 example")
    rows = [_row_of_results(page, row) for row in range(3)]
    assert rows == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]


def test_a_kernel_of_ones_own(page: Visit, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Numbers and fractions may be typed; what is no number changes nothing."""
    image = picture(page, tmp_path_factory)
    page.find("#bench-kernel").select_option("Identity")
    cells = page.find(".kernel-input input")
    cells.nth(0).fill("1/4")
    cells.nth(8).fill("-0.5")
    cells.nth(2).fill("much")
    assert page.find("#bench-kernel").input_value() == "Your own"
    assert cells.nth(2).get_attribute("aria-invalid") == "true"
    kernel = np.array([[0.25, 0, 0], [0, 1, 0], [0, 0, -0.5]])
    expected = convolved(image, kernel, stride=1, padding=0)
    assert _row_of_results(page, 12) == pytest.approx(expected[12], abs=1e-6)
