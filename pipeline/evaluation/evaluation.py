"""The exported model on images it has not learned from: all numbers of metrics/evaluate.json."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract.arrays import Familiarities, Images, Labels, Probabilities
from contract.files import atomic_write
from contract.metadata import Limits as Said
from pipeline.data.arrays import Prepared
from pipeline.evaluation import foreign, limits, metrics
from pipeline.evaluation.limits import Limits
from pipeline.evaluation.metrics import Counts, PerClass, Reliability, Summary
from pipeline.evaluation.robustness import Challenge, accuracy_under
from pipeline.evaluation.variants import Variants
from pipeline.export.onnx_run import Session, answers, predict
from pipeline.export.world import World

DECIMALS = 8  # below lies the rounding of another processor
Row = Sequence[object]


@dataclass(frozen=True)
class Evaluation:
    """`probabilities` (N, classes) and everything but `validation` are of the test split."""

    validation: Summary
    test: Summary
    labels: Labels
    probabilities: Probabilities
    confusion: Counts
    per_class: PerClass
    reliability: Reliability
    robustness: dict[str, tuple[str, float]]  # name: strength in words, accuracy
    feedback: Summary | None = None  # on images that people corrected and training never saw
    limits: Limits | None = None  # None: the model's file says nothing of them
    variants: Variants | None = None  # of the model, on the validation split

    def plain(self) -> dict[str, dict[str, float]]:
        """For metrics/evaluate.json. The names sort as they are read: validation before test."""
        numbers = {
            "on_validation": self.validation.plain(),
            "robustness": {name: accuracy for name, (_, accuracy) in self.robustness.items()},
            "test": self.test.plain(),
            **({"feedback": self.feedback.plain()} if self.feedback else {}),
            **(self.limits.plain() if self.limits else {}),
            **(self.variants.plain() if self.variants else {}),
        }
        return {
            group: {name: round(value, DECIMALS) for name, value in values.items()}
            for group, values in numbers.items()
        }

    def confusion_table(self, classes: Sequence[str]) -> list[Row]:
        """A row per image, as `dvc plots` counts them itself."""
        answers = self.probabilities.argmax(axis=1)
        pairs = zip(self.labels, answers, strict=True)
        return [("actual", "predicted"), *((classes[a], classes[b]) for a, b in pairs)]

    def class_table(self, classes: Sequence[str]) -> list[Row]:
        found = self.per_class
        columns = (found.precision, found.recall, found.f1)
        rounded = (column.round(DECIMALS).tolist() for column in columns)
        rows = zip(classes, *rounded, found.images.tolist(), strict=True)
        return [("class", "precision", "recall", "f1", "images"), *rows]

    def tables(self, classes: Sequence[str]) -> dict[str, list[Row]]:
        """For CSV files, by name; each begins with its header."""
        return {
            "confusion": self.confusion_table(classes),
            "per_class": self.class_table(classes),
            "reliability": self.reliability_table(),
        }

    def save_predictions(self, path: Path) -> None:
        """Labels int64 (N,) and probabilities float32 (N, classes) of the test split."""
        with atomic_write(path) as file:
            np.savez(file, labels=self.labels, probabilities=self.probabilities)

    def reliability_table(self) -> list[Row]:
        """Bins that hold images."""
        bins = self.reliability
        rows = zip(bins.confidence, bins.accuracy, bins.images, strict=True)
        filled = [(round(c, DECIMALS), round(a, DECIMALS), int(n)) for c, a, n in rows if n]
        return [("confidence", "accuracy", "images"), *filled]


def evaluate(  # noqa: PLR0913 - values, not the section
    session: Session,
    prepared: Prepared,
    *,
    batch_size: int,
    bins: int,
    challenges: Iterable[Challenge],
    said: Said | None = None,
    foreign_images: int = 0,
) -> Evaluation:
    """`said`: what the file says of its limits, measured on so many images of each foreign set."""

    def answer(images: Images) -> Probabilities:
        return predict(session, images, batch_size=batch_size)

    def whole(images: Images) -> tuple[Probabilities, Familiarities | None]:
        return answers(session, images, batch_size=batch_size)

    validation, test, corrected = prepared.val, prepared.test, prepared.feedback
    of_validation = answer(validation.images)
    probabilities, familiarity = whole(test.images)
    confusion = metrics.confusion_matrix(probabilities, test.labels)
    return Evaluation(
        validation=metrics.summary(of_validation, validation.labels, bins=bins),
        test=metrics.summary(probabilities, test.labels, bins=bins),
        labels=test.labels,
        probabilities=probabilities,
        confusion=confusion,
        per_class=metrics.per_class(confusion),
        reliability=metrics.reliability(probabilities, test.labels, bins=bins),
        robustness={
            one.name: (one.strength, accuracy_under(one, answer, test.images, test.labels))
            for one in challenges
        },
        feedback=metrics.summary(answer(corrected.images), corrected.labels, bins=bins)
        if corrected
        else None,
        limits=limits.measure(
            said,
            validation=of_validation,
            test=(probabilities, familiarity),
            labels=test.labels,
            foreign=foreign.sets(World.of(test.images, test.labels), most=foreign_images),
            answer=whole,
            bins=bins,
        )
        if said
        else None,
    )
