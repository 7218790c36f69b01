"""All pictures of plots/evaluate, by file name."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from contract.arrays import Labels
from pipeline.data import contact_sheet as sheet
from pipeline.data.arrays import Prepared
from pipeline.evaluation import metrics
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.training_record import TrainingRecord
from pipeline.export.activations import Activations
from pipeline.report import figures, galleries
from pipeline.report.drawing import spread

SHOWN_CLASSES = 10  # rows of the feature maps
SHEET_CLASSES, SHEET_PX = 20, 56  # rows of the contact sheet, and the most of an image's side


def draw(
    found: Evaluation,
    prepared: Prepared,
    record: TrainingRecord,
    activations: Activations,
    *,
    mistakes: int,
) -> dict[str, Figure]:
    return {
        **of_training(record, prepared),
        **of_evaluation(found, prepared, mistakes=mistakes),
        **of_network(activations, prepared),
    }


def contact_sheet(prepared: Prepared) -> bytes:
    """PNG of the training split's first images, thinned out so that the report stays small."""
    images, labels = prepared.train.images, prepared.train.labels
    stride = -(-max(images.shape[2:]) // SHEET_PX)
    images, classes = images[:, :, ::stride, ::stride], prepared.dataset.classes
    if len(classes) > SHEET_CLASSES:
        shown = labels < SHEET_CLASSES
        images, labels, classes = images[shown], labels[shown], classes[:SHEET_CLASSES]
    return sheet.contact_sheet(images, labels, classes)


def of_training(record: TrainingRecord, prepared: Prepared) -> dict[str, Figure]:
    images = prepared.val.images[list(record.replay.images)]
    return {
        "curves": figures.curves(record.curves),
        "replay": figures.replay(record.replay, images, prepared.dataset.classes),
    }


def of_evaluation(found: Evaluation, prepared: Prepared, *, mistakes: int) -> dict[str, Figure]:
    classes = prepared.dataset.classes
    wrong = galleries.worst_mistakes(found.probabilities, found.labels, most=mistakes)
    error = metrics.calibration_error(found.reliability)
    return {
        "confusion": figures.confusion(found.confusion, classes),
        "mistakes": galleries.mistakes(
            prepared.test.images[wrong], found.labels[wrong], found.probabilities[wrong], classes
        ),
        "reliability": figures.reliability(found.reliability, error=error),
        "robustness": figures.robustness(found.test.accuracy, found.robustness),
        **_strangers(found, classes),
    }


def _strangers(found: Evaluation, classes: Sequence[str]) -> dict[str, Figure]:
    if found.limits is None or found.limits.said.familiarity is None:
        return {}
    return {"strangers": galleries.strangers(found.limits.worst, classes)}


def of_network(activations: Activations, prepared: Prepared) -> dict[str, Figure]:
    """Filters are absent where the network has no convolution."""
    classes = prepared.dataset.classes
    chosen = one_of_each(prepared.test.labels, spread(len(classes), SHOWN_CLASSES))
    images = np.ascontiguousarray(prepared.test.images[chosen])
    names = [classes[label] for label in prepared.test.labels[chosen]]
    maps = galleries.feature_maps(images, names, activations.of(images))
    kernels = activations.first_kernels()
    return {"feature_maps": maps} | (
        {} if kernels is None else {"filters": galleries.filters(kernels)}
    )


def one_of_each(labels: Labels, wanted: Sequence[int]) -> list[int]:
    """The first image of each wanted class that occurs."""
    return [int(np.flatnonzero(labels == label)[0]) for label in wanted if (labels == label).any()]
