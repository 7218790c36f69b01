"""How quickly the page paints, and follows a stroke: `python -m benchmarks.page`.

Needs Chromium and a model with its sidecars (models/, or --model). n is the number of visits
and of strokes; medians and 95th percentiles. Everything runs on this machine, over loopback.
"""

import argparse
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from benchmarks.report import save

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
PAINT = """() => new Promise((done) => new PerformanceObserver((list) => {
    const first = list.getEntriesByName("first-contentful-paint")[0];
    if (first) done(first.startTime);
}).observe({ type: "paint", buffered: true }))"""
WEIGHT = """() => performance.getEntries()
    .filter(({ name, entryType }) => entryType === "navigation" || name.includes("/page/"))
    .reduce((sum, one) => sum + one.decodedBodySize, 0)"""
STROKES = """async (count) => {
    const pad = document.querySelector("#pad"), row = document.querySelector("[data-label]");
    const box = pad.getBoundingClientRect(), times = [];
    const send = (type, x, y) => pad.dispatchEvent(new PointerEvent(type, {
        clientX: box.left + x, clientY: box.top + y,
        pointerId: 1, isPrimary: true, bubbles: true, button: 0,
    }));
    pad.setPointerCapture = () => {};
    for (let i = 0; i < count; i += 1) {
        const changed = new Promise((done) => new MutationObserver((_, observer) => {
            observer.disconnect();
            done();
        }).observe(row, { attributes: true, attributeFilter: ["data-probability"] }));
        const x = 140 + 70 * Math.cos(i / 4), y = 140 + 90 * Math.sin(i / 4);
        const start = performance.now();
        send(i ? "pointermove" : "pointerdown", x, y);
        await changed;
        times.push(performance.now() - start);
        await new Promise((done) => setTimeout(done, 80));
    }
    return times;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/model.onnx"))
    parser.add_argument("--visits", type=int, default=10)
    parser.add_argument("--strokes", type=int, default=40)
    asked = parser.parse_args()
    with served(asked.model) as url, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
        paints = [first_paint_ms(chromium, url) for _ in range(asked.visits)]
        weight, strokes = follow(chromium, url, asked.strokes)
        chromium.close()
    report(
        {
            "device": f"{platform.machine()}, {os.cpu_count()} cores",
            "first_paint_ms": summary(paints),
            "page_bytes": weight,
            "stroke_to_probabilities_ms": summary(strokes),
        }
    )


@contextmanager
def served(model: Path) -> Iterator[str]:
    """A server of its own on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "serving", "--model", str(model), "--port", str(port)]
    process = subprocess.Popen([*command, "--no-access-log", "--drain", "0"])
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process)
        yield url
    finally:
        process.terminate()
        process.wait()


def wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/v2/health/ready", timeout=5).close()  # noqa: S310 -- http to our own server
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit("error: the server ended; its own message stands above")


def first_paint_ms(browser: "Browser", url: str) -> float:
    """A visit with an empty cache."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    found: float = page.evaluate(PAINT)
    context.close()
    return found


def follow(browser: "Browser", url: str, strokes: int) -> tuple[int, list[float]]:
    """Draw point by point, each after the answer to the one before."""
    page = browser.new_page()
    page.goto(url)
    page.wait_for_selector("html[data-state=idle]", state="attached")
    return page.evaluate(WEIGHT), page.evaluate(STROKES, strokes)


def summary(values: Sequence[float]) -> dict[str, Any]:
    late = sorted(values)[round(0.95 * (len(values) - 1))]
    return {"n": len(values), "median": round(statistics.median(values), 1), "p95": round(late, 1)}


def report(found: dict[str, Any]) -> None:
    for name, value in found.items():
        sys.stdout.write(f"{name:28} {value}\n")
    save("page", found)


if __name__ == "__main__":
    main()
