"""docs/page.png and docs/mlflow-run.png: `python -m documents.pictures` (`make pictures`).

Needs Chromium, models/model.onnx with its sidecars, and the run that made them in mlflow.db:
`make repro` makes all of it from a clean tree.
"""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from benchmarks.running import free_port
from pipeline.tracking import provenance
from pipeline.tracking import store as tracking
from pipeline.tracking.lookup import COMPLETE
from serving.classifier import Classifier
from serving.errors import ModelRefused

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DOCS = Path(__file__).parents[1] / "docs"
PATIENCE_S = 90
THREE = (  # as a mouse draws it: shares of the pad's width and height
    ((0.30, 0.25), (0.45, 0.18), (0.62, 0.22), (0.68, 0.33), (0.60, 0.44), (0.45, 0.49)),
    ((0.45, 0.49), (0.63, 0.52), (0.72, 0.64), (0.66, 0.78), (0.48, 0.84), (0.29, 0.77)),
)


def main() -> None:
    try:
        sha256 = Classifier("models/model.onnx").facts.sha256
    except ModelRefused as error:
        sys.exit(f"error: {error}")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("error: no chromium on PATH: install it, on Debian by `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        of_the_page(browser, DOCS / "page.png")
        of_the_run(browser, sha256, DOCS / "mlflow-run.png")
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


def of_the_run(browser: "Browser", sha256: str, path: Path) -> None:
    """The overview of the run that made the model, in MLflow's own page."""
    store = tracking.answering(provenance.repository_root())
    run = store.find({"onnx.sha256": sha256, COMPLETE: "true"})
    if run is None:
        sys.exit(f"error: no complete run in {store.uri} made models/model.onnx: run `make repro`")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--port", str(port)]
    command += ["--backend-store-uri", store.uri]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with running(command, f"{url}/health", quiet):
        page = browser.new_page(viewport={"width": 1400, "height": 760})
        page.goto(f"{url}/#/experiments/{run.record.info.experiment_id}/runs/{run.id}")
        page.get_by_text("val_accuracy").first.wait_for(timeout=PATIENCE_S * 1000)
        page.screenshot(path=path, clip={"x": 0, "y": 0, "width": 1040, "height": 760})


@contextmanager
def running(command: Sequence[str], health: str, variables: Mapping[str, str]) -> Iterator[None]:
    """A server, from its first good answer to the end of the block."""
    environment = {**os.environ, **variables}
    process = subprocess.Popen(  # noqa: S603 -- our own servers
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(PATIENCE_S * 10):
            try:
                urllib.request.urlopen(health, timeout=5).close()  # noqa: S310 -- loopback
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
