"""reports/index.html: everything about a model on one page that needs no network."""

from html import escape

from pipeline.data.arrays import Dataset
from pipeline.evaluation.card import Card
from pipeline.evaluation.metrics import Summary
from pipeline.report import html, layer_words
from pipeline.report import limits as report_limits
from pipeline.report import sections as report_sections
from pipeline.report import variants as report_variants
from pipeline.report.numbers import SPACE, count, percent, size
from pipeline.report.sections import Page
from pipeline.report.style import CSS

POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # nothing comes from outside
)
CONTENTS = {
    "data": "Data",
    "training": "Training",
    "quality": "Quality",
    "mistakes": "Mistakes",
    "robustness": "Robustness",
    "limits": "Limits",
    "variants": "Variants",
    "inside": "Inside",
    "hyperparameters": "Hyperparameters",
    "lineage": "Lineage",
}


def render(page: Page) -> str:
    """The whole file; the same page for the same model."""
    title = f"{page.card.name} {page.card.model_sha256[:12]}"
    body = "".join(
        (
            _fallback(page.dataset),
            _tiles(page),
            report_sections.data(page),
            report_sections.training(page),
            report_sections.quality(page),
            report_sections.mistakes(page),
            report_sections.robustness(page),
            report_limits.limits(page),
            report_variants.variants(page),
            report_sections.inside(page),
            _hyperparameters(page.card),
            _lineage(page),
        )
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        f"{_header(page)}<main>\n{body}</main>\n</body>\n</html>\n"
    )


def _header(page: Page) -> str:
    absent = {
        "limits": page.evaluation.limits is None,
        "variants": not report_variants.variants(page),
    }
    shown = {anchor: name for anchor, name in CONTENTS.items() if not absent.get(anchor)}
    links = "".join(f'<a href="#{anchor}">{name}</a>' for anchor, name in shown.items())
    words = (
        f"{page.card.net}, {count(page.card.parameters)} parameters, trained on "
        f"{page.dataset.name} (images of {layer_words.image_words(page.dataset.image_shape)}; "
        f"{count(len(page.card.classes))} classes). Version {page.card.model_sha256[:12]}."
    )
    return (
        f'<header><div><h1>{escape(page.card.name)}</h1><p class="lead">{escape(words)}</p>'
        f'<nav aria-label="Contents">{links}</nav></div></header>\n'
    )


def _fallback(dataset: Dataset) -> str:
    if dataset.source != "fallback":
        return ""
    words = (
        f"{dataset.requested!r} could not be downloaded, so the embedded data set "
        f"{dataset.name!r} was used instead. Every number and picture on this page is about "
        f"{dataset.name!r} and says nothing about {dataset.requested!r}."
    )
    return (
        f'<section class="alarm" role="alert"><h2>This model has not seen '
        f"{escape(dataset.requested)}</h2>{html.paragraph(words)}<p>With a network, or with "
        f"<code>DATA_MIRROR=&lt;directory or address&gt;</code>: <code>make refetch</code>.</p>"
        "</section>\n"
    )


def _tiles(page: Page) -> str:
    test, validation = page.evaluation.test, page.evaluation.validation
    tiles = (
        html.tile(percent(test.accuracy), "accuracy on the test split", _interval(test)),
        html.tile(percent(validation.accuracy), "on the validation split", _interval(validation)),
        html.tile(
            count(round((1 - test.accuracy) * test.images)),
            f"mistakes in {count(test.images)} test images",
        ),
        html.tile(percent(test.ece), "expected calibration error", "of the probabilities"),
        html.tile(size(page.file_bytes), "the ONNX file", "all that serving needs"),
    )
    return f'<div class="tiles">{"".join(tiles)}</div>\n'


def _interval(found: Summary) -> str:
    return f"95{SPACE}% interval {percent(found.accuracy_low)} to {percent(found.accuracy_high)}"


def _hyperparameters(card: Card) -> str:
    rows = [
        (key, f"{value} (asked: {card.asked[key]})" if key in card.asked else value)
        for key, value in card.hyperparameters.items()
    ]
    half = -(-len(rows) // 2)
    return html.section(
        "hyperparameters",
        "Hyperparameters",
        html.paragraph(
            "What the model's own file says it was trained with, and what it was evaluated with; "
            "params.yaml has the units."
        ),
        html.beside(html.pairs(dict(rows[:half])), html.pairs(dict(rows[half:]))),
    )


def _lineage(page: Page) -> str:
    card, dataset = page.card, page.dataset
    rows: dict[str, object] = {
        "model.onnx (sha256)": card.model_sha256,
        "data (sha256)": card.dataset.sha256,
        "test split (sha256)": card.dataset.test_sha256,
        "data source": dataset.source,
        **{f"raw file {name} (sha256)": digest for name, digest in dataset.files.items()},
    }
    if card.git:
        dirty = ", with changes that are not committed" if card.git.dirty else ""
        rows["git commit"] = f"{card.git.commit}{dirty}"
    if card.run:
        rows["training (pipeline.run)"] = card.run.training
    if card.run and card.run.id:
        rows["MLflow run"] = f"{card.run.experiment} / {card.run.name} ({card.run.id})"
    return html.section(
        "lineage",
        "Lineage",
        html.paragraph(
            "Which code and data this model was made from. Equal hashes mean equal bytes."
        ),
        html.pairs(rows),
    )
