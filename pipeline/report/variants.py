"""The report's section on other files of the same model."""

from pipeline.evaluation.variants import Variants
from pipeline.export.variant_gate import Quality
from pipeline.report import html
from pipeline.report.numbers import count, percent, size
from pipeline.report.sections import Page


def variants(page: Page) -> str:
    """Empty where none was asked for."""
    found = page.evaluation.variants
    if found is None or found.table.fp32 is None:
        return ""
    return html.section(
        "variants",
        "Variants",
        html.paragraph(
            "Everything else on this page is about model.onnx, whose numbers are float32. A "
            "variant computes the same network in whole numbers of eight bits (int8), calibrated "
            "on training images. It is served where it is asked for by name. Its gate, on "
            f"{count(found.table.images)} validation images: accuracy and negative log-likelihood "
            "within the 95 % intervals of the model's, calibration not worse by more than "
            "chance, and few answers that are others."
        ),
        html.table(
            ("file", "size", "accuracy", "neg. log-likelihood", "calibration error",
             "answers changed", "speed, one image", "speed, 64 images", "gate"),
            [("fp32", *_quality(found.table.fp32), "", "1", "1", ""), *_rows(found)],
        ),
        *(html.paragraph(f"{name}: {why}.") for name, why in found.table.reasons().items()),
        html.paragraph(
            "Speed: runs in the time of one of fp32, measured in turn by one thread on the machine "
            "that made this report; another processor gives other ratios. Below 1 it is slower, "
            "as small networks like LeNet are: turning numbers into eight bits and back costs "
            "them more than it saves."
        ),
    )  # fmt: skip


def _rows(found: Variants) -> list[tuple[str, ...]]:
    judged = [
        (
            name,
            *_quality(one.quality),
            percent(one.changed),
            *(_speeds(found, name)),
            "failed" if one.reason else "passed",
        )
        for name, one in found.table.variants.items()
    ]
    return [*judged, *((name, *["not made"] * 8) for name in found.table.failed)]


def _speeds(found: Variants, name: str) -> tuple[str, str]:
    speeds = [f"{ratio:g}" for ratio in found.speed.get(name, {}).values()]
    return (speeds[0], speeds[1]) if speeds else ("", "")


def _quality(one: Quality) -> tuple[str, ...]:
    return size(one.bytes), percent(one.accuracy), f"{one.nll:.4f}", percent(one.ece)
