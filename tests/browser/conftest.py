"""A real Chromium on a real server, for the tests of the page; skipped where there is none.

REQUIRE_BROWSER=1 makes a missing browser a failure.
"""

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import small_model
from tests.browser.visit import Visit, visiting
from tests.required import lacking
from tests.serving.live import Server, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
REQUIRED_BY = "REQUIRE_BROWSER"
INSTALL = "install them with: apt-get install chromium; pip install playwright"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
_skipped = pytest.StashKey[int]()


def missing() -> str | None:
    """Say what is not here; None where nothing is missing."""
    if CHROMIUM is None:
        return "no Chromium on PATH"
    if find_spec("playwright") is None:
        return "the package playwright is not installed"
    return None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Count what was left out for want of a browser."""
    yield
    is_required = bool(os.environ.get(REQUIRED_BY))
    if "browser" in getattr(item, "fixturenames", ()) and missing() and not is_required:
        item.config.stash[_skipped] = item.config.stash.get(_skipped, 0) | 1


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let the very last line say what was not tested, and what to install."""
    if config.stash.get(_skipped, 0):
        print(f"\nThe page was NOT tested in a browser: {missing()}; {INSTALL}")  # noqa: T201 -- the terminal reporter has gone


@pytest.fixture(scope="session")
def chromium() -> str | None:
    """Path of Chromium; without one, nothing is trained in vain."""
    lack = missing()
    if lack is not None:
        lacking(f"{lack}; {INSTALL}", required_by=REQUIRED_BY)
    return CHROMIUM


@pytest.fixture(scope="module")
def browser(chromium: str) -> "Iterator[Browser]":
    """One Chromium for a module: Playwright's event loop must not outlive it."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 -- it may not be installed

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def trained(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 -- what it is for
    """Path of a small LeNet that reads digits, with both of its sidecars."""
    return small_model.make(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def other(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 -- what it is for
    """Path of another one, hardly trained."""
    return small_model.make(tmp_path_factory.mktemp("other"), seed=1, epochs=1)


@pytest.fixture(scope="session")
def colour(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 -- what it is for
    """Path of a LeNet for colour pictures of 32 by 32, with random weights."""
    return small_model.untrained(tmp_path_factory.mktemp("colour"))


@pytest.fixture(scope="session")
def grey(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 -- what it is for
    """Path of one for grey pictures of 28 by 28 that are no digits."""
    return small_model.untrained(tmp_path_factory.mktemp("grey"), shape=(1, 28, 28))


@pytest.fixture(scope="session")
def server(trained: Path) -> Iterator[Server]:
    with serving("--model", str(trained), "--no-access-log") as running:
        yield running


@pytest.fixture
def page(browser: "Browser", server: Server) -> Iterator[Visit]:
    """The page, opened and at rest; at the end nobody may have complained on the console."""
    with visiting(browser, server.url) as visit:
        yield visit
