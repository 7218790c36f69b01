"""docs/scale.md says what the results say, and its arithmetic is that of a napkin."""

import pytest

from benchmarks import published_scale as published
from benchmarks.scale import PAGE


def test_the_page_is_what_the_results_say() -> None:
    """Written anew, it stays as it is; each of its tables has rows."""
    text = PAGE.read_text()
    assert published.page(text) == text
    assert text.count("<!-- table: ") == 4
    assert len(published.units()) == text.split("<!-- end -->")[0].count("`python -m ") - 1


def test_core_hours_of_a_million_pictures() -> None:
    """Seconds of one, a million times, in hours."""
    cost = published.units()["prepare"].seconds
    (row,) = (
        line for line in published.pictures_table().splitlines() if line.startswith("| prepare,")
    )
    shown = float(row.split("|")[2].replace(",", ""))
    assert shown == pytest.approx(cost * 1e6 / 3600, rel=0.06)
