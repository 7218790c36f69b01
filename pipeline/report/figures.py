"""Charts: training curves, confusion, reliability, robustness, the training replay."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from pipeline.evaluation.metrics import Counts, Reliability
from pipeline.evaluation.training_record import Curves, Replay
from pipeline.report.drawing import (
    ACCENT,
    GOOD,
    INK,
    LINE,
    MUTED,
    RIGHT,
    WARM,
    WRONG,
    Array,
    axes,
    blank,
    figure,
    picture,
    shaded,
    short,
    spread,
    styled,
)
from pipeline.report.numbers import SPACE, count, percent

NUMBERED_CLASSES = 20  # more, and the numbers in the cells are no longer readable
NAMED_CLASSES = 50
REPLAY_PANELS = 12
PERCENT = f"{SPACE}%"


@styled
def curves(record: Curves) -> Figure:
    """Losses, accuracy and learning rate by epoch."""
    drawn = figure(9.5, 3.2)
    losses, accuracy, rate = axes(drawn, 1, 3)
    losses.plot(record.epoch, record.train_loss, color=ACCENT, label="training")
    losses.plot(record.epoch, record.val_loss, color=WARM, label="validation")
    losses.legend(fontsize=8)
    accuracy.plot(record.epoch, record.val_accuracy, color=WARM)
    accuracy.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=PERCENT))
    rate.plot(record.epoch, record.learning_rate, color=GOOD)
    titles = ("Loss", "Validation accuracy", "Learning rate")
    for axis, title in zip((losses, accuracy, rate), titles, strict=True):
        axis.set_title(title)
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        if len(record.epoch) == 1:  # a line needs two points
            for line in axis.lines:
                line.set_marker("o")
    return drawn


@styled
def confusion(counts: Counts, classes: Sequence[str]) -> Figure:
    """True classes by row, predictions by column; shades are shares of a row, mistakes are red."""
    number = len(classes)
    side = float(np.clip(2.0 + 0.42 * number, 3.6, 8.0))
    drawn = figure(side, side)
    (axis,) = axes(drawn)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    visible = np.where(shares > 0, 0.12 + 0.88 * np.sqrt(shares), 0)  # a single mistake too
    cells = shaded(visible, WRONG)
    right = np.arange(number)
    cells[right, right] = shaded(np.diagonal(visible) * 0.85, RIGHT)
    axis.imshow(cells)
    axis.grid(visible=False)
    axis.set_xlabel("predicted class")
    axis.set_ylabel("true class")
    ticks = range(number) if number <= NAMED_CLASSES else spread(number, NAMED_CLASSES // 2)
    size = float(np.clip(220 / number, 4, 9))
    names = [short(classes[tick]) for tick in ticks]
    turned = 0 if max(map(len, names)) <= 2 else 90  # noqa: PLR2004 - digits and letters stand
    axis.set_xticks(ticks, names, rotation=turned, fontsize=size)
    axis.set_yticks(ticks, names, fontsize=size)
    if number <= NUMBERED_CLASSES:
        _number_cells(axis, counts)
    return drawn


def _number_cells(axis: Axes, counts: Counts) -> None:
    for (row, column), images in np.ndenumerate(counts):
        if images:
            axis.text(
                column, row, count(int(images)), ha="center", va="center", fontsize=7, color=INK
            )


@styled
def reliability(bins: Reliability, *, error: float) -> Figure:
    """Probability against accuracy: on the diagonal, of predictions at 90 %, 90 % are right."""
    drawn = figure(5.2, 5.0)
    stated, share = axes(drawn, 2, 1, height_ratios=(3, 1), sharex=True)
    width, centres = np.diff(bins.edges), (bins.edges[:-1] + bins.edges[1:]) / 2
    filled = bins.images > 0
    stated.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", label="ideal", zorder=3)
    stated.bar(
        centres[filled], bins.accuracy[filled], width[filled] * 0.86, color=ACCENT, label="model"
    )
    stated.set(ylim=(0, 1.02), xlim=(0, 1), ylabel="accuracy")
    stated.legend(loc="upper left", fontsize=8)
    stated.set_title(f"Expected calibration error {percent(error)}")
    share.bar(centres, bins.images, width * 0.86, color=MUTED)
    share.set(ylabel="images", xlabel="probability of the prediction", yscale="log")
    share.set_ylim(0.7, max(10, bins.images.max() * 1.5))
    return drawn


@styled
def robustness(clean: float, accuracies: Mapping[str, tuple[str, float]]) -> Figure:
    """Accuracy of changed images, NAME: (strength in words, accuracy), below the unchanged."""
    rows = {"unchanged": ("", clean)} | dict(accuracies)
    drawn = figure(7.4, 0.55 * len(rows) + 0.7)
    (axis,) = axes(drawn)
    places, values = range(len(rows)), [value for _, value in rows.values()]
    colours = [ACCENT] + [WARM] * len(accuracies)
    axis.barh(places, [1.0] * len(rows), color=LINE, height=0.62, alpha=0.45)
    axis.barh(places, values, color=colours, height=0.62)
    for place, value in zip(places, values, strict=True):
        axis.text(1.01, place, percent(value), va="center", fontsize=9)
    labels = [f"{name}\n{strength}" if strength else name for name, (strength, _) in rows.items()]
    axis.set_yticks(places, labels, fontsize=8)
    axis.set_xlim(0, 1.12)
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axis.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=PERCENT))
    axis.grid(visible=False)
    axis.invert_yaxis()
    axis.spines["bottom"].set_visible(False)
    axis.set_xlabel("accuracy on the test split")
    return drawn


@styled
def replay(record: Replay, images: Array, classes: Sequence[str]) -> Figure:
    """Figure 15 of the post: probabilities of images (n, C, H, W) before and during training."""
    shown = spread(len(images), REPLAY_PANELS)
    columns = 5 if len(shown) % 5 == 0 else min(4, len(shown))
    rows = -(-len(shown) // columns)
    drawn = figure(1.95 * columns, 1.75 * rows + 0.3)
    panels = axes(drawn, rows, columns, sharex=True, sharey=True)
    for panel, index in zip(panels, shown, strict=False):
        label = record.labels[index]
        lines = np.array([epoch[index] for epoch in record.probabilities])  # (epochs, classes)
        panel.plot(record.epochs, np.delete(lines, label, axis=1), color=MUTED, alpha=0.4, lw=1)
        panel.plot(record.epochs, lines[:, label], color=ACCENT)
        panel.set_ylim(-0.03, 1.03)
        panel.set_title(short(classes[label]), fontsize=8)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
        corner = panel.inset_axes((0.76, 1.03, 0.24, 0.34))
        corner.set_anchor("SE")
        corner.imshow(picture(images[index]))
        corner.set_axis_off()
    blank(panels[len(shown) :])
    drawn.supxlabel("epoch", fontsize=8, color=MUTED)
    drawn.supylabel("probability", fontsize=8, color=MUTED)
    return drawn
