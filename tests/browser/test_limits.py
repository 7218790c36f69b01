"""The page says in words what the model does not know, and hides nothing for it."""

import pytest

from tests.browser.visit import Point, Visit

LETTER: list[list[Point]] = [
    [(0.2, 0.85), (0.35, 0.5), (0.5, 0.12)],
    [(0.5, 0.12), (0.65, 0.5), (0.8, 0.85)],
    [(0.3, 0.6), (0.7, 0.6)],
    [(0.12, 0.85), (0.28, 0.85)],
    [(0.72, 0.85), (0.9, 0.85)],
]
UNKNOWN = "does not look like anything it has seen"


def test_a_letter_is_not_known(page: Visit) -> None:
    """An A with serifs: a sentence beside the probabilities, which stay."""
    page.draw(LETTER)
    assert UNKNOWN in page.find("#limits").inner_text()
    assert sum(page.probabilities().values()) == pytest.approx(1, abs=1e-4)
    assert page.saved()["known"] is False


def test_most_samples_look_familiar(page: Visit) -> None:
    """Validation images: nineteen of twenty are known, so most of the ten samples are."""
    samples = page.find("#samples button")
    said = []
    for index in range(samples.count()):
        samples.nth(index).click()
        page.rest()
        said.append(page.find("#limits").inner_text())
    assert sum("looks familiar" in text for text in said) >= 8
    assert all("excluded" in text or "No class" in text for text in said)


def test_nothing_is_said_of_no_picture(page: Visit) -> None:
    """Cleared, the line is empty."""
    page.draw(LETTER)
    page.find("#clear").click()
    page.rest()
    assert page.find("#limits").inner_text() == ""
