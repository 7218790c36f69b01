"""One slice from its numbers in the listing to its finished part: what each worker does."""

import platform
import time
from collections.abc import Iterator
from itertools import islice

import numpy as np

from contract import drift
from contract.arrays import Images, Probabilities
from contract.files import sha256_of_bytes
from scoring import listing, parts, pictures, storage
from scoring.errors import ScoringRefused
from scoring.job import Job
from scoring.pictures import Picture
from scoring.tally import Tally
from serving.errors import BadRequest, ServingError, TooLarge, UnsupportedMediaType
from serving.models.model import Answers, Facts, Model, load
from serving.pictures.fitting import Pixels, Way, fitted

_MOST_IMAGES, _LEAST_IMAGES = 64, 8  # of one run of the model
_RUN_NUMBERS = 1_200_000  # pixel values of one run: eight photos of 224 px, whose maps are large
_KINDS = {
    BadRequest: "broken",
    TooLarge: "too large",
    UnsupportedMediaType: "no picture, or of a format not read",
}
_UNREADABLE = "cannot be read"


class Worker:
    """A model that is loaded once, and scores slice after slice."""

    def __init__(self, job: Job, *, node: str = "") -> None:
        """Raise ScoringRefused where the model is not the job's."""
        self._job = job
        self._node = node or platform.node()
        content = storage.read(job.model, most=1 << 31)
        if sha256_of_bytes(content) != job.sha256:
            raise ScoringRefused(f"{job.model!r} is not the model that the job began with")
        self._model = load(content, threads=1)
        self._scorer = Scorer(self._model)

    def score(self, index: int, key: str) -> Tally:
        """Write the part of one slice; give its counts."""
        start_s = time.monotonic()
        items = listing.read(self._job.listing, index)
        rows, tally = self._scorer.scored(
            pictures.of(self._job, items),
            sum(item.count for item in items),
            with_truths=self._job.labels is not None,
        )
        tally.node = self._node
        tally.seconds = time.monotonic() - start_s
        content = parts.table(rows, self._model.facts, tally)
        parts.write(self._job.part(index, key), content)
        return tally


class Scorer:
    """Pictures → rows and counts."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._facts = model.facts
        self._way = Way(rules=self._facts.rules, shape=self._facts.image_shape)
        self._expected = drift.expectation(self._facts.statistics)
        fits = _RUN_NUMBERS // self._facts.pixels
        self._at_once = min(_MOST_IMAGES, max(_LEAST_IMAGES, fits))

    def scored(
        self, found: Iterator[Picture], count: int, *, with_truths: bool
    ) -> tuple[parts.Rows, Tally]:
        """`count` rows, whatever the pictures hold."""
        classes = len(self._facts.classes)
        answers = np.zeros((count, classes + self._facts.is_judge), np.float32)
        tally = Tally(answers=[0] * classes)
        paths: list[str] = []
        errors: list[str | None] = []
        truths: list[str | None] = []
        while some := list(islice(found, self._at_once)):
            start = len(paths)
            outcomes = [self._pixels(picture, tally) for picture in some]
            paths += [picture.path for picture in some]
            truths += [picture.truth for picture in some]
            errors += [one if isinstance(one, str) else None for one in outcomes]
            good = [at for at, one in enumerate(outcomes, start) if not isinstance(one, str)]
            if good:
                images = np.stack([one for one in outcomes if not isinstance(one, str)])
                answers[good] = self._answers(images, tally)
        tally.pictures = len(paths)
        probabilities, familiarity = self._facts.parts(answers)
        if with_truths:
            self._compare(probabilities, errors, truths, tally)
        rows = parts.Rows(
            paths=paths,
            probabilities=probabilities,
            familiarity=familiarity,
            errors=errors,
            truths=truths if with_truths else None,
        )
        return rows, tally

    def _pixels(self, picture: Picture, tally: Tally) -> Pixels | str:
        """(C, H, W), or what is wrong with the picture, counted."""
        content = picture.content
        try:
            if isinstance(content, OSError):
                raise content
            return fitted(content, self._way)
        except ServingError as error:
            kind, text = _KINDS.get(type(error), type(error).__name__), str(error)
        except storage.FileTooLarge as error:
            kind, text = _KINDS[TooLarge], storage.reason(error)
        except OSError as error:
            kind, text = _UNREADABLE, storage.reason(error)
        tally.fault(kind, picture.path, text)
        return text

    def _answers(self, images: Images, tally: Tally) -> Answers:
        answers = self._model.answer(images)
        probabilities, familiarity = self._facts.parts(answers)
        if familiarity is not None:
            tally.unknown += int((familiarity < self._facts.least_familiarity).sum())
        if self._expected is not None:
            bins = drift.counted(self._expected, images, probabilities, familiarity).tolist()
            tally.bins = [a + b for a, b in zip(tally.bins or [0.0] * len(bins), bins, strict=True)]
        counts = np.bincount(probabilities.argmax(axis=1), minlength=len(tally.answers)).tolist()
        tally.answers = [a + b for a, b in zip(tally.answers, counts, strict=True)]
        return answers

    def _compare(
        self,
        probabilities: Probabilities,
        errors: list[str | None],
        truths: list[str | None],
        tally: Tally,
    ) -> None:
        indexes = {name: at for at, name in enumerate(self._facts.classes)}
        for best, error, truth in zip(
            probabilities.argmax(axis=1).tolist(), errors, truths, strict=True
        ):
            if error is not None or truth is None:
                continue
            at = _class_of(truth, indexes, self._facts)
            if at is None:
                tally.foreign += 1
                continue
            tally.labelled += 1
            pair = f"{at},{best}"
            tally.pairs[pair] = tally.pairs.get(pair, 0) + 1


def _class_of(truth: str, indexes: dict[str, int], facts: Facts) -> int | None:
    """By name; where no class is called so, a whole number is a class's index."""
    if truth in indexes:
        return indexes[truth]
    if truth.isascii() and truth.isdigit() and int(truth) < len(facts.classes):
        return int(truth)
    return None
