"""One visit to the page: what a person does there, and what a test wants to know of it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

Point = tuple[float, float]  # shares of the pad's width and height


@dataclass
class Visit:
    page: "Page"
    url: str
    complaints: list[str] = field(default_factory=list)  # errors and warnings of the console
    strangers: list[str] = field(default_factory=list)  # addresses beside the server's

    def open(self, fragment: str = "") -> None:
        self.page.goto(f"{self.url}/{fragment}")
        self.rest()

    def rest(self) -> None:
        """Wait until every request of the page has been answered."""
        self.page.wait_for_selector("html[data-state=idle]", state="attached")

    def find(self, selector: str) -> "Locator":
        return self.page.locator(selector)

    def draw(self, strokes: Sequence[Sequence[Point]]) -> None:
        """Draw with the mouse, as a person would."""
        pad = self.find("#pad")
        pad.scroll_into_view_if_needed()
        box = pad.bounding_box()
        assert box is not None
        for stroke in strokes:
            spots = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
            self.page.mouse.move(*spots[0])
            self.page.mouse.down()
            for x, y in spots[1:]:
                self.page.mouse.move(x, y, steps=4)
            self.page.mouse.up()
        self.rest()

    def saved(self) -> dict[str, Any]:
        """Return what the page's JSON button gives."""
        with self.page.expect_download() as download:
            self.find("#json").click()
        return dict(json.loads(Path(download.value.path()).read_text()))

    def give(self, name: str, content: bytes, kind: str = "") -> None:
        """Choose a file, and wait for the answer."""
        self.find("#file").set_input_files({"name": name, "mimeType": kind, "buffer": content})
        self.rest()

    def probabilities(self) -> dict[str, float]:
        rows = self.find("[data-label]").all()
        return {
            str(row.get_attribute("data-label")): float(row.get_attribute("data-probability") or 0)
            for row in rows
        }

    def hover(self, layer: str, *, map_index: int, row: int, column: int) -> dict[str, Any]:
        """Point at a unit; returns what #arithmetic then says about itself."""
        frame = self.find(f'[data-layer="{layer}"] .map').nth(map_index)
        frame.scroll_into_view_if_needed()
        box, canvas = frame.bounding_box(), frame.locator("canvas")
        assert box is not None
        size = canvas.evaluate("canvas => [canvas.width, canvas.height]")
        x = box["x"] + (column + 0.5) * box["width"] / size[0]
        y = box["y"] + (row + 0.5) * box["height"] / size[1]
        self.page.mouse.move(x, y)
        place = f"[data-layer='{layer}'][data-map='{map_index}']"
        if size[1] > 1 or row:
            place += f"[data-row='{row}'][data-column='{column}']"
        self.page.wait_for_selector(f"#arithmetic{place}")
        return dict(self.find("#arithmetic").evaluate("element => ({...element.dataset})"))


@contextmanager
def visiting(browser: "Browser", url: str, **options: Any) -> Iterator[Visit]:  # noqa: ANN401 -- Playwright's own options
    """Open the page in a fresh profile that reaches the server and nothing else."""
    context = browser.new_context(
        **{"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **options}
    )
    visit = Visit(context.new_page(), url)

    def gate(route: "Route") -> None:
        if route.request.url.startswith((url, "data:", "blob:")):
            route.continue_()
        else:
            visit.strangers.append(route.request.url)
            route.abort()

    context.route("**/*", gate)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on(
        "console",
        lambda message: (
            visit.complaints.append(message.text) if message.type in {"error", "warning"} else None
        ),
    )
    visit.open()
    try:
        yield visit
        assert not visit.complaints, visit.complaints
        assert not visit.strangers
    finally:
        context.close()
