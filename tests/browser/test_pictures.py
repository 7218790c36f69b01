"""Models of grey and colour pictures: the page's words, files of any kind, colours by name."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from contract.reading import reader
from contract.reading.rules import current
from tests.browser.reference import Reference
from tests.browser.visit import Visit, visiting
from tests.serving.live import Server, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RULES = current()
SHAPES = {"grey": (1, 28, 28), "colour": (3, 32, 32)}
SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40">
<rect width="60" height="40" fill="#f00"/></svg>"""


@pytest.fixture(scope="module")
def servers(grey: Path, colour: Path) -> Iterator[dict[str, Server]]:
    command = ("--no-access-log", "--model")
    with serving(*command, str(grey)) as one, serving(*command, str(colour)) as other:
        yield {"grey": one, "colour": other}


@pytest.fixture
def colours(browser: "Browser", servers: dict[str, Server]) -> Iterator[Visit]:
    with visiting(browser, servers["colour"].url) as visit:
        yield visit


def encoded(**options: object) -> bytes:
    """A picture of 90 by 60 with edges, slopes and noise, as a file."""
    y, x = np.mgrid[:60, :90]
    noise = np.random.default_rng(0).integers(0, 40, (60, 90, 4))
    slopes = np.stack([2 * x, 3 * y, (x + y) % 50 * 4, 210 - 2 * x], axis=-1)
    pixels = (slopes + noise).astype(np.uint8)
    mode = str(options.pop("mode", "RGB"))
    with io.BytesIO() as file:
        Image.fromarray(pixels).convert(mode).save(file, **options)  # type: ignore[arg-type]
        return file.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "alpha.png": lambda: encoded(format="PNG", mode="RGBA"),
    "turned.jpg": lambda: encoded(format="JPEG", exif=_turned()),
    "still.webp": lambda: encoded(format="WEBP"),
    "still.avif": lambda: encoded(format="AVIF"),
    "still.gif": lambda: encoded(format="GIF"),
    "plain.bmp": lambda: encoded(format="BMP"),
    "scan.tiff": lambda: encoded(format="TIFF"),
    "plain.ppm": lambda: encoded(format="PPM"),
}


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def received(visit: Visit) -> NDArray[np.uint8]:
    """The pixels that the network received, (C, H, W)."""
    image = visit.saved()["image"]
    return np.array(image["pixels"], np.uint8).reshape(image["shape"])


@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_words_are_of_pictures(browser: "Browser", servers: dict[str, Server], kind: str) -> None:
    """Nobody is asked to draw, nothing is cropped, and no digit is spoken of."""
    with visiting(browser, servers[kind].url) as visit:
        words = visit.find("main").inner_text().lower()
        assert "drop, paste or choose a picture" in words
        assert f"{kind} images" in words
        assert "read as the training images were" in words
        assert not [word for word in ("digit", "draw here", "cropped", "mnist") if word in words]
        assert not visit.find("#pen").is_visible()
        assert not visit.find("#undo").is_visible()
        visit.draw([[(0.2, 0.2), (0.8, 0.8)]])
        assert visit.find("#samples [aria-pressed=true]").count() == 1, "the sample is still there"


def test_words_are_of_digits(page: Visit) -> None:
    """A model of digits is drawn for, and says what becomes of the drawing."""
    words = page.find("main").inner_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "Draw a digit" in words
    assert "cropped to its strokes and centred on 28 \N{MULTIPLICATION SIGN} 28 pixels" in words
    assert page.find("#hint").inner_text() == "draw here"
    assert page.find("#pen").is_visible()


@pytest.mark.parametrize("kind", [pytest.param("grey", marks=pytest.mark.soak), "colour"])
def test_every_format_gives_the_pixels_of_training(
    browser: "Browser", servers: dict[str, Server], kind: str
) -> None:
    """What the browser decodes and what it does not: the network receives what training reads."""
    with visiting(browser, servers[kind].url) as visit:
        for name, content in FILES.items():
            data = content()
            visit.give(name, data, "application/octet-stream")
            expected = reader.read(data, rules=RULES, shape=SHAPES[kind])
            np.testing.assert_array_equal(received(visit), expected, name)
            assert sum(visit.probabilities().values()) == pytest.approx(1, abs=1e-4)
            assert not visit.find("#seen-note").inner_text()
            assert _is_painted(visit), name


def _is_painted(visit: Visit) -> bool:
    """Whether the sheet shows more than one colour."""
    script = """pad => {
        const copy = new OffscreenCanvas(pad.width, pad.height).getContext("2d");
        copy.drawImage(pad, 0, 0);
        const { data } = copy.getImageData(0, 0, pad.width, pad.height);
        const seen = new Set(); for (let i = 0; i < data.length; i += 404) seen.add(data[i]);
        return seen.size > 20; }"""
    return bool(visit.find("#pad").evaluate(script))


def test_what_only_the_browser_reads(colours: Visit) -> None:
    """An SVG goes as the browser draws it, and the page says that training would not read it."""
    colours.give("logo.svg", SVG, "image/svg+xml")
    assert received(colours)[:, 16, 16].tolist() == [255, 0, 0]
    assert "does not read this format" in colours.find("#seen-note").inner_text()
    colours.complaints.clear()  # the browser itself reports the 415 before
    colours.give("plain.png", encoded(format="PNG"))
    assert not colours.find("#seen-note").inner_text()


def test_what_nobody_reads(colours: Visit) -> None:
    """A damaged file leaves no prediction of the picture before it, and says what is wrong."""
    before = colours.probabilities()
    assert sum(before.values()) == pytest.approx(1, abs=1e-4)
    colours.give("cut.png", encoded(format="PNG")[:-900], "image/png")
    assert set(colours.probabilities().values()) == {0}
    assert "truncated" in colours.find("#notice").inner_text()
    assert "no prediction" in colours.find("#verdict").inner_text()
    colours.give("letter.pdf", b"%PDF-1.7 and so on", "application/pdf")
    assert "PDF" in colours.find("#notice").inner_text()
    colours.complaints.clear()  # the browser itself reports 400 and 415


@pytest.mark.soak
def test_a_file_above_the_limit(browser: "Browser", colour: Path) -> None:
    """It is not sent at all: a smaller copy is, and the page says so."""
    command = ("--model", str(colour), "--body-limit", "16000")
    with serving(*command) as running, visiting(browser, running.url) as visit:
        visit.give("plain.bmp", encoded(format="BMP"))
        assert "too large for the server" in visit.find("#seen-note").inner_text()
        assert sum(visit.probabilities().values()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("door", ["drop", "paste"])
def test_dropped_and_pasted(colours: Visit, door: str) -> None:
    """A file that is dropped anywhere on the page, or pasted, is classified."""
    data = encoded(format="PNG")
    script = """([door, bytes]) => {
        const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(bytes)], "one.png", { type: "image/png" }));
        const options = { bubbles: true, cancelable: true };
        document.querySelector("#sheet").dispatchEvent(door === "drop"
            ? new DragEvent("drop", { ...options, dataTransfer: files })
            : new ClipboardEvent("paste", { ...options, clipboardData: files })); }"""
    colours.page.evaluate(script, [door, list(data)])
    colours.page.wait_for_selector("#samples:not(:has([aria-pressed=true]))")
    colours.rest()
    expected = reader.read(data, rules=RULES, shape=SHAPES["colour"])
    np.testing.assert_array_equal(received(colours), expected)


@pytest.mark.parametrize("kind", ["grey", pytest.param("colour", marks=pytest.mark.soak)])
def test_drawing_is_still_possible(
    browser: "Browser", servers: dict[str, Server], kind: str
) -> None:
    """For models of sketches: one press of Draw, and the sheet is a pad; another, and it is not."""
    with visiting(browser, servers[kind].url) as visit:
        visit.find("#drawing").click()
        visit.rest()
        assert set(visit.probabilities().values()) == {0}
        visit.draw([[(0.2, 0.2), (0.8, 0.8)]])
        assert sum(visit.probabilities().values()) == pytest.approx(1, abs=1e-4)
        assert set(received(visit)[:, 2, -3].tolist()) == {255}, "black ink on white paper"
        visit.find("#drawing").click()
        visit.rest()
        assert visit.find("#samples [aria-pressed=true]").count() == 1


def test_a_phone_offers_its_camera(browser: "Browser", servers: dict[str, Server]) -> None:
    """A touch screen has a button for it; nothing is wider than the screen."""
    url = servers["colour"].url
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with visiting(browser, url, **phone) as visit:
        assert visit.find(".camera").is_visible()
        assert visit.find("#camera").get_attribute("capture") == "environment"
        assert visit.page.evaluate("() => document.documentElement.scrollWidth") <= 360
    with visiting(browser, url) as visit:
        assert not visit.find(".camera").is_visible()


def test_colours_have_names(colours: Visit) -> None:
    """Red, green and blue: maps of the input, parts of a sum, kernels of a filter."""
    names = ["red", "green", "blue"]
    for map_index, name in enumerate(names):
        colours.hover("input", map_index=map_index, row=3, column=4)
        assert f"{name}, row 4, column 5" in colours.find("#unit-title").inner_text()
    colours.hover("conv1", map_index=1, row=5, column=5)
    assert colours.find("#arithmetic .from").all_inner_texts() == names
    captions = colours.find("[data-filters=conv1] figcaption").all_inner_texts()
    assert captions == [f"for {name}" for name in names]
    captions = colours.find("[data-filters=conv2] figcaption").all_inner_texts()
    assert captions == [f"for map {number}" for number in range(1, 7)]


def test_first_filters_are_colour_patches(colours: Visit, colour: Path) -> None:
    """Grey is zero, each channel its own weight, as the weights in the file have it."""
    colours.page.wait_for_selector("[data-filters=conv1] .filter canvas")
    patch = colours.find("[data-filters=conv1] .filter canvas").nth(2)
    script = """canvas => [...canvas.getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height).data]"""
    shown = np.array(patch.evaluate(script)).reshape(5, 5, 4)[..., :3]
    image = np.zeros(SHAPES["colour"], np.uint8)
    weight = Reference(colour, image).parameter("parameters/conv1.weight")[2]
    expected = 127.5 + 127.5 * np.moveaxis(weight, 0, 2) / np.abs(weight).max()
    np.testing.assert_allclose(shown, expected, atol=0.51)
