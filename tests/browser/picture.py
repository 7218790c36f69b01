"""Write docs/page.png: the page after a three was drawn (`python -m tests.browser.picture`)."""

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

from contract.files import write_bytes
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.test_published_model import DIGITS, MODEL
from tests.browser.visit import visiting
from tests.serving.live import serving

DOCS = Path(__file__).parents[2] / "docs"
SIZE = {"width": 1280, "height": 1640}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL, help="an ONNX file of digits")
    model = parser.parse_args().model
    if not model.exists():
        parser.error(f"{model} is missing: `make repro` writes models/model.onnx")
    with (
        serving("--model", str(model), "--no-access-log") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with visiting(browser, server.url, viewport=SIZE, color_scheme="light") as visit:
            visit.find("#clear").click()
            visit.draw(DIGITS["3"])
            visit.hover("conv1", map_index=3, row=8, column=13)
            visit.page.evaluate("() => scrollTo({ top: 0, behavior: 'instant' })")
            write_bytes(DOCS / "page.png", visit.page.screenshot())
        browser.close()


if __name__ == "__main__":
    main()
