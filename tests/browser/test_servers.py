"""The page on other servers: two models, a key, no sidecars, colour pictures, other nets."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import small_model
from tests.browser.visit import Visit, visiting
from tests.serving.live import Server, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def two(trained: Path, other: Path) -> Iterator[Server]:
    with serving("--model", str(trained), "--challenger", str(other)) as running:
        yield running


def test_two_models_side_by_side(browser: "Browser", two: Server) -> None:
    """Both answer the same picture; choosing the challenger looks into it."""
    with visiting(browser, two.url) as visit:
        cards = visit.find("#pair [data-version]")
        assert cards.count() == 2
        versions = [cards.nth(i).get_attribute("data-version") for i in range(2)]
        visit.page.wait_for_selector("#pair .best")
        visit.hover("conv1", map_index=0, row=9, column=9)
        first = visit.find("#arithmetic").get_attribute("data-value")
        visit.find("#version").select_option(versions[1])
        visit.rest()
        visit.hover("conv1", map_index=0, row=9, column=10)
        visit.hover("conv1", map_index=0, row=9, column=9)
        assert visit.find("#arithmetic").get_attribute("data-value") != first


def test_a_key_is_asked_for(browser: "Browser", trained: Path) -> None:
    """A wrong key is asked for again; the right one opens the page."""
    with serving("--model", str(trained), SERVING_API_KEY="open sesame") as running:
        context = browser.new_context()
        visit = Visit(context.new_page(), running.url)
        visit.page.goto(running.url)
        for key in ("wrong", "open sesame"):
            visit.find("#key-dialog[open]").wait_for()
            visit.find("#key").fill(key)
            visit.page.keyboard.press("Enter")
        visit.rest()
        assert sum(visit.probabilities().values()) == pytest.approx(1, abs=1e-4)
        context.close()


def test_feedback_where_it_is_taken(
    browser: "Browser", server: Server, trained: Path, tmp_path: Path
) -> None:
    """A correction becomes a file to review; a server that takes none does not offer it."""
    with visiting(browser, server.url) as visit:
        assert not visit.find("#feedback").is_visible()
    inbox = tmp_path / "inbox"
    command = ("--model", str(trained), "--feedback", str(inbox))
    with serving(*command) as running, visiting(browser, running.url) as visit:
        visit.find("#truth").select_option("4")
        visit.find("#feedback button").click()
        visit.page.wait_for_selector("#feedback-said:not(:empty)")
        assert visit.find("#feedback-said").inner_text() == "Thank you. It is kept for review."
    (note,) = inbox.rglob("*.png")
    assert note.parent.name == "4"


def test_without_sidecars(browser: "Browser", trained: Path, tmp_path: Path) -> None:
    """A bare model.onnx is drawn on and answers; the page says what is missing."""
    shutil.copy(trained, tmp_path / "model.onnx")
    with (
        serving("--model", str(tmp_path / "model.onnx")) as running,
        visiting(browser, running.url) as visit,
    ):
        assert sum(visit.probabilities().values()) == pytest.approx(1, abs=1e-4)
        assert "no activations file" in visit.find("#layers").inner_text()
        assert "model.card.json" in visit.find("#training-body").inner_text()
        assert not visit.find("#filters").is_visible()


def test_sidecars_of_another_model(
    browser: "Browser", trained: Path, other: Path, tmp_path: Path
) -> None:
    """They are not shown, since their numbers would not add up to what is served."""
    shutil.copy(trained, tmp_path / "model.onnx")
    shutil.copy(other.with_suffix(".activations.onnx"), tmp_path)
    with (
        serving("--model", str(tmp_path / "model.onnx")) as running,
        visiting(browser, running.url) as visit,
    ):
        assert "belongs to another model" in visit.find("#layers").inner_text()


@pytest.mark.parametrize(
    "net",
    [
        pytest.param("resnet18", marks=pytest.mark.soak),
        *(
            pytest.param(net, marks=pytest.mark.soak_all)
            for net in ("densenet121", "googlenet", "vgg11", "alexnet")
        ),
    ],
)
def test_nets_of_the_zoo(browser: "Browser", tmp_path: Path, net: str) -> None:
    """Colour pictures and deep nets: layers are drawn, sums agree or say why there are none."""
    path = small_model.untrained(tmp_path, net=net)
    with serving("--model", str(path)) as running, visiting(browser, running.url) as visit:
        assert visit.find("[data-layer]").count() > 10
        names = [one.get_attribute("data-layer") or "" for one in visit.find("[data-layer]").all()]
        for name in (names[0], names[1], names[5], names[-2], names[-1]):
            said = visit.hover(name, map_index=0, row=0, column=0)
            assert said["value"] != "NaN"
        assert visit.find("#arithmetic .differs").count() == 0


def test_a_new_model_is_noticed(
    browser: "Browser", trained: Path, other: Path, tmp_path: Path
) -> None:
    """After a reload on the server, the page's next request brings the new model's layers."""

    def put(model: Path) -> None:
        for ending in (".activations.onnx", ".card.json", ".onnx"):
            temporary = tmp_path / f"next{ending}"
            shutil.copy(model.with_suffix(ending), temporary)
            temporary.replace(tmp_path / f"model{ending}")

    put(trained)
    command = ("--model", str(tmp_path / "model.onnx"), "--watch", "0.1")
    with serving(*command) as running, visiting(browser, running.url) as visit:
        before = running.get("/model")["version"]
        put(other)
        while running.get("/model")["version"] == before:
            visit.page.wait_for_timeout(50)
        visit.find("#samples button").nth(4).click()
        after = running.get("/model")["version"]
        visit.page.wait_for_selector(f"#card-body :text('{after}')")
        visit.rest()
        assert after in visit.find("#notice").inner_text()
        visit.hover("conv1", map_index=0, row=5, column=5)
        assert "as the server computed it" in visit.find("#arithmetic").inner_text()
        visit.complaints.clear()  # the browser itself reports the 404 that the page acted on
