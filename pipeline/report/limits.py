"""The report's section on what a model knows of its own limits."""

from pipeline.evaluation.limits import Foreign, Limits, Share, Told
from pipeline.export.limits import least_images
from pipeline.report import html
from pipeline.report.numbers import SPACE, count, percent
from pipeline.report.sections import Page

WORDS = {
    "letters": "Latin letters",
    "strokes": "random curves of a pen",
    "noise": "uniform noise",
    "constant": "one value all over",
    "two_in_one": "two images beside each other",
    "shuffled": "images in sixteen parts, shuffled",
    "upside_down": "images upside down (some stay what they were)",
    "inverted": "dark and bright swapped",
    "photographs": "parts of photographs",
}


def limits(page: Page) -> str:
    """Empty for a model whose file says nothing of them."""
    found = page.evaluation.limits
    if found is None:
        return ""
    return html.section(
        "limits",
        "Limits",
        html.paragraph(
            "Softmax must name a class, whatever it is shown. So the model gives a second number, "
            "familiarity: how usual the image's features are among those of the validation images "
            "(docs/familiarity.md has the formula). An image below the threshold is not known."
        ),
        _known(found),
        html.subtitle("Images that are not of its world"),
        html.paragraph(
            "Let through: the share that is taken for known, where "
            f"{percent(_kept(found), decimals=0)} of the validation images are. AUROC: how often "
            "a test image scores higher than a foreign one. Beside familiarity stands the "
            "greatest probability, which is what there is without it."
        ),
        _table(found.foreign),
        _picture(page),
        html.subtitle("Classes that cannot be excluded"),
        html.paragraph(_sets(found, page)),
        html.subtitle("Temperature"),
        html.paragraph(_temperature(found, page.evaluation.test.ece)),
    )


def _kept(found: Limits) -> float:
    return found.said.familiarity.kept if found.said.familiarity else 0.95


def _known(found: Limits) -> str:
    if found.kept is None:
        return html.paragraph(
            "This model has no such output: its network does not end in a linear layer, or its "
            "features do not differ. The table has the greatest probability alone."
        )
    wrong = f"; of those it classifies wrongly, {_share(found.errors)}" if found.errors else ""
    return html.paragraph(f"Of the test images {_share(found.kept)} are known{wrong}.")


def _table(foreign: tuple[Foreign, ...]) -> str:
    head = ("images", "number", "let through", "AUROC", "by probability", "AUROC")
    return html.table(
        head,
        [
            (
                WORDS.get(one.name, one.name),
                count(one.images),
                *_told(one.by_familiarity),
                *_told(one.by_probability),
            )
            for one in foreign
        ],
    )


def _told(told: Told | None) -> tuple[str, str]:
    if told is None:
        return "not given", "not given"
    return _share(told.through), f"{told.auroc:.3f} ({told.low:.3f} to {told.high:.3f})"


def _share(share: Share) -> str:
    low, high = percent(share.low, decimals=1), percent(share.high, decimals=1)
    return f"{percent(share.value, decimals=1)} ({low} to {high})"


def _picture(page: Page) -> str:
    if "strangers" not in page.charts:
        return ""
    return html.chart(
        page.charts["strangers"],
        alt="Foreign images that were let through, the most familiar of each set",
        caption="The most familiar of each set that were let through, with familiarity and answer.",
        width="wide",
    )


def _sets(found: Limits, page: Page) -> str:
    sets, conformal = found.sets, found.said.conformal
    if sets is None or conformal is None:
        coverage = float(page.card.hyperparameters["evaluate.coverage"] or 0)
        return (
            f"None are given: for a coverage of {percent(coverage)} (evaluate.coverage) they need "
            f"{count(least_images(coverage))} validation images, and there are "
            f"{count(page.dataset.counts.val)}."
        )
    return (
        f"A class with a probability of {conformal.least:.4f} or more cannot be excluded at a "
        f"coverage of {percent(conformal.coverage)} (split conformal prediction on "
        f"{count(conformal.images)} validation images). On the test split "
        f"{percent(sets.coverage.value)} of the images have their class in the set; "
        f"{percent(sets.least)} to {percent(sets.most)} is what 95{SPACE}% of such thresholds "
        f"give. A set has {sets.size:.3f} classes on average; {percent(sets.empty)} have none: no "
        "class is as probable as the right one usually is."
    )


def _temperature(found: Limits, error: float) -> str:
    if found.said.temperature == 1:
        return (
            "The probabilities are the softmax of the scores as they are (temperature 1): "
            "another temperature did not make validation's more likely by more than chance."
        )
    return (
        f"The scores are divided by {found.said.temperature:g} before the softmax. The expected "
        f"calibration error on the test split is {percent(error)}; it was "
        f"{percent(found.ece_before)} without."
    )
