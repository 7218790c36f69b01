"""The pages hold together: links lead somewhere, generated pages are current, README is short."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from benchmarks import published
from documents import reference
from tests.documents.pages import ROOT, anchors, links, pages


@pytest.mark.parametrize("page", pages(), ids=str)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    """Also those that the site does not check: out of docs/, and to pictures."""
    for link in links((ROOT / page).read_text()):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text()), link


def test_the_reference_is_what_the_code_says() -> None:
    """`make reference` would change nothing, and every key and setting has its row."""
    for name, text in reference.pages().items():
        assert (reference.FOLDER / name).read_text() == text, "run `make reference`"
    parameters = (reference.FOLDER / "parameters.md").read_text()
    assert "| `learning_rate` | `auto` or a number, above 0 | `0.02` | peak;" in parameters
    assert "| `pooling` | `average`, `max`, `sum` | `max` |" in parameters


def test_the_results_are_those_of_the_benchmarks() -> None:
    """`make results` would change nothing."""
    assert published.PAGE.read_text() == published.page(), "run `make results`"


def test_every_page_of_docs_is_in_the_sites_navigation() -> None:
    """And nothing else is."""
    site = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]
    listed = sorted(_named(site["nav"]))
    assert listed == sorted(
        str(page.relative_to("docs")) for page in pages() if page.parts[0] == "docs"
    )


def test_readme_is_a_door() -> None:
    """At most 100 lines; what is long has a page of its own."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 100


def _named(entry: Any) -> list[str]:  # noqa: ANN401 -- TOML
    if isinstance(entry, str):
        return [entry]
    inner = entry.values() if isinstance(entry, dict) else entry
    return [name for one in inner for name in _named(one)]
