"""docs/page.png and docs/mlflow/*.png: `python -m documents.pictures` (`make pictures`).

Needs Chromium, and models/model.onnx with its sidecars: `make repro` makes them.
"""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from benchmarks.running import free_port
from documents import mlflow_pages
from documents.servers import running
from serving.classifier import Classifier
from serving.errors import ModelRefused

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DOCS = Path(__file__).parents[1] / "docs"
THREE = (  # as a mouse draws it: shares of the pad's width and height
    ((0.30, 0.25), (0.45, 0.18), (0.62, 0.22), (0.68, 0.33), (0.60, 0.44), (0.45, 0.49)),
    ((0.45, 0.49), (0.63, 0.52), (0.72, 0.64), (0.66, 0.78), (0.48, 0.84), (0.29, 0.77)),
)


def main() -> None:
    try:
        Classifier("models/model.onnx")
    except ModelRefused as error:
        sys.exit(f"error: {error}")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("error: no chromium on PATH: install it, on Debian by `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        of_the_page(browser, DOCS / "page.png")
        mlflow_pages.take(browser)
        browser.close()


def of_the_page(browser: "Browser", path: Path) -> None:
    """A three is drawn; below stand its probabilities and the layers."""
    port = free_port()
    command = [sys.executable, "-m", "serving", "--port", str(port), "--no-access-log"]
    with running(command, f"http://127.0.0.1:{port}/v2/health/ready", {}):
        page = browser.new_page(viewport={"width": 1280, "height": 1640})
        page.goto(f"http://127.0.0.1:{port}")
        page.wait_for_selector("html[data-state=idle]", state="attached")
        draw(page)
        page.wait_for_selector("html[data-state=idle]", state="attached")
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=path)


def draw(page: "Page") -> None:
    box = page.locator("#pad").bounding_box()
    if box is None:
        sys.exit("error: the page shows no pad to draw on: is this a model of digits?")
    for stroke in THREE:
        spots = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*spots[0])
        page.mouse.down()
        for spot in spots[1:]:
            page.mouse.move(*spot, steps=4)
        page.mouse.up()


if __name__ == "__main__":
    main()
