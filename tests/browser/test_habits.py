"""Habits of people: keyboard alone, screen readers, small screens, no network but the server."""

import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import REQUIRED_BY
from tests.browser.visit import Visit, visiting
from tests.required import lacking
from tests.serving.live import Server

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

AXE = "axe-core@4.14.1"


@pytest.fixture(scope="session")
def axe(request: pytest.FixtureRequest) -> str:
    """Source of axe-core, from the npm registry once, then from pytest's cache."""
    folder: Path = request.config.cache.mkdir("axe-core")
    script = folder / f"{AXE}.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            lacking(
                "npm is missing: it brings axe-core, which checks accessibility",
                required_by=REQUIRED_BY,
            )
        done = subprocess.run(
            [npm, "pack", AXE, "--silent", "--pack-destination", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lacking(
                f"npm cannot fetch {AXE}: {done.stderr.strip()[-200:]}", required_by=REQUIRED_BY
            )
        with tarfile.open(folder / done.stdout.strip()) as archive:
            member = archive.extractfile("package/axe.min.js")
            assert member is not None
            script.write_bytes(member.read())
    return script.read_text()


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (390, "light"),
        (1280, "dark"),
        pytest.param(390, "dark", marks=pytest.mark.soak_all),
        pytest.param(1280, "light", marks=pytest.mark.soak_all),
    ],
)
def test_no_serious_fault(
    browser: "Browser", server: Server, axe: str, scheme: str, width: int
) -> None:
    """axe-core finds nothing critical or serious, contrast included, with a unit spelled out."""
    size = {"width": width, "height": 850}
    with visiting(browser, server.url, viewport=size, color_scheme=scheme) as visit:
        visit.hover("conv2", map_index=1, row=3, column=3)
        visit.page.evaluate(axe)
        found = visit.page.evaluate("() => axe.run()")
    faults = [
        (one["id"], [node["html"][:120] for node in one["nodes"]][:3])
        for one in found["violations"]
        if one["impact"] in {"critical", "serious"}
    ]
    assert not faults


def test_keyboard_alone(page: Visit) -> None:
    """Draw, undo, choose a unit, walk, hold and let go: without a mouse, in the order of tabs."""
    keyboard = page.page.keyboard
    page.find("#pad").focus()
    keyboard.press("Delete")
    keyboard.press("Space")
    for _ in range(6):
        keyboard.press("ArrowDown")
    keyboard.press("Space")
    page.rest()
    assert sum(page.probabilities().values()) == pytest.approx(1, abs=1e-4)
    keyboard.press("Tab")
    assert page.page.evaluate("() => document.activeElement.id") == "undo"
    keyboard.press("Enter")
    page.rest()
    assert set(page.probabilities().values()) == {0}
    page.find("#samples button").nth(3).focus()
    keyboard.press("Enter")
    page.rest()
    page.find("[data-layer=conv1] .maps").focus()
    keyboard.press("ArrowRight")
    keyboard.press("ArrowRight")
    keyboard.press("]")
    keyboard.press("Enter")
    page.page.wait_for_selector("#arithmetic[data-layer=conv1][data-map='1'][data-column='15']")
    assert "held" in (page.find("#layers").get_attribute("class") or "")
    assert "map 2, row 15, column 16" in page.find("#spoken").inner_text()
    keyboard.press("Escape")
    assert "held" not in (page.find("#layers").get_attribute("class") or "")


def test_tab_reaches_everything(page: Visit) -> None:
    """Tab alone visits every control, in the order of the page, and never gets stuck."""
    page.page.evaluate("() => document.body.focus()")
    visited: list[str] = []
    for _ in range(160):
        page.page.keyboard.press("Tab")
        mark = page.page.evaluate(
            """() => { const e = document.activeElement;
            return e.id || e.closest("[data-layer]")?.dataset.layer || e.textContent.trim(); }"""
        )
        if visited and mark == visited[0]:
            break
        visited.append(mark)
    wanted = [
        "pad",
        "undo",
        "clear",
        "pen",
        "file",
        "link",
        "conv1",
        "softmax",
        "bench-kernel",
        "epoch",
    ]
    places = [visited.index(mark) for mark in wanted]
    assert places == sorted(places)


def test_a_phone(browser: "Browser", server: Server) -> None:
    """Nothing is wider than a small screen; a tap spells a unit out in a sheet that closes."""
    size = {"width": 360, "height": 740}
    with visiting(browser, server.url, viewport=size, has_touch=True, is_mobile=True) as visit:
        width = visit.page.evaluate("() => document.documentElement.scrollWidth")
        assert width <= 360
        visit.find("[data-layer=pool1] .map").nth(1).tap()
        visit.page.wait_for_selector("#inspector.open #arithmetic[data-layer=pool1]")
        visit.find("#unpin").tap()
        visit.page.wait_for_selector("#inspector:not(.open)", state="attached")


@pytest.mark.parametrize(("width", "height"), [(360, 740), (412, 915)])
def test_the_sheet_of_a_phone_leaves_the_unit_free(
    browser: "Browser", server: Server, width: int, height: int
) -> None:
    """Tapped low on the screen, a unit of any layer ends between the bar and the sheet."""
    size = {"width": width, "height": height}
    with visiting(browser, server.url, viewport=size, has_touch=True, is_mobile=True) as visit:
        names = [one.get_attribute("data-layer") for one in visit.find("[data-layer]").all()]
        assert names[-1] == "softmax"
        for name in names:
            board = visit.find(f"[data-layer='{name}'] .map").last
            board.evaluate(
                "map => scrollTo({ top: scrollY + map.getBoundingClientRect().bottom"
                " - innerHeight + 4, behavior: 'instant' })"
            )
            board.tap()
            visit.page.wait_for_selector(f"#inspector.open #arithmetic[data-layer='{name}']")
            mark = visit.find(f"[data-layer='{name}'] .unit:visible").bounding_box()
            sheet = visit.find("#inspector").bounding_box()
            bar = visit.find("header.bar").bounding_box()
            assert mark is not None
            assert sheet is not None
            assert bar is not None
            assert bar["y"] + bar["height"] <= mark["y"], name
            assert mark["y"] + mark["height"] <= sheet["y"], name


def test_units_of_the_output_have_the_names_of_the_classes(page: Visit) -> None:
    """The scores and the probabilities say class 5; the layers before them count their units."""
    names = [one.get_attribute("data-layer") or "" for one in page.find("[data-layer]").all()]
    for name in names[-2:]:
        page.hover(name, map_index=0, row=0, column=5)
        assert "class 5" in page.find("#unit-title").inner_text()
        assert "class 5" in page.find("#spoken").inner_text()
        assert "unit 6" not in page.find(f"[data-layer='{name}'] .readout").inner_text()
    page.hover(names[-3], map_index=0, row=0, column=5)
    assert "unit 6" in page.find("#unit-title").inner_text()


def test_weight(browser: "Browser", server: Server) -> None:
    """Everything that the page loads of its own is at most 200 KB, uncompressed."""
    with visiting(browser, server.url) as visit:
        sizes = visit.page.evaluate(
            """() => performance.getEntries()
            .filter(({ name, entryType }) => entryType === "navigation" || name.includes("/page/"))
            .map((one) => one.decodedBodySize)"""
        )
        assert len(sizes) > 30
        assert sum(sizes) <= 200_000
