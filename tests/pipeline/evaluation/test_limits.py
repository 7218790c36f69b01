"""Numbers of a model's limits: against counting, scikit-learn, and the theory of coverage."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from contract.arrays import Familiarities, Images, Probabilities
from contract.metadata import ConformalSet, Familiarity
from contract.metadata import Limits as Said
from pipeline.evaluation import limits

SAID = Said(
    familiarity=Familiarity(method="m", kept=0.9, threshold=0.1, images=100),
    conformal=ConformalSet(coverage=0.9, least=0.4, images=100),
)
ROWS = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.65, 0.35]], np.float32)
LABELS = np.array([0, 1, 1, 1])
FAMILIARITY = np.array([0.5, 0.05, 0.1, 0.9], np.float32)


def answer(images: Images) -> tuple[Probabilities, Familiarities]:
    """Foreign images: the first two let through."""
    rows = np.full((len(images), 2), 0.5, np.float32)
    return rows, np.linspace(1, 0, len(images)).astype(np.float32)


def measured(said: Said = SAID) -> limits.Limits:
    found: limits.Limits = limits.measure(
        said,
        validation=ROWS,
        test=(ROWS, FAMILIARITY),
        labels=LABELS,
        foreign=[("noise", np.zeros((11, 1, 2, 2), np.uint8))],
        answer=answer,
        bins=5,
    )
    return found


def test_counts_by_hand() -> None:
    """Three of four test images are known, one of the two errors; ten of eleven foreign ones."""
    found = measured()
    assert found.kept is not None
    assert found.errors is not None
    assert (found.kept.value, found.errors.value) == (0.75, 0.5)
    told = found.foreign[0].by_familiarity
    assert told is not None
    assert told.through.value == pytest.approx(10 / 11)
    assert [one.familiarity for one in found.worst] == pytest.approx([1.0, 0.9])


def test_sets_by_hand() -> None:
    """Classes with 0.4 or more: {0}, {0, 1}, {1}, {0}: three of four true classes are inside."""
    sets = measured().sets
    assert sets is not None
    assert (sets.coverage.value, sets.size, sets.empty) == (0.75, 1.25, 0.0)
    assert 0 < sets.least < 0.9 < sets.most <= 1


def test_auroc_is_scikit_learns() -> None:
    """With ties, too; its interval holds it, and is wider for fewer images."""
    generator = np.random.default_rng(0)
    own, foreign = generator.normal(1, 1, 300).round(1), generator.normal(0, 1, 200).round(1)
    area = limits.auroc(own, foreign)
    truth = np.repeat([1, 0], [300, 200])
    assert area == pytest.approx(roc_auc_score(truth, np.concatenate([own, foreign])))
    low, high = limits.auroc_interval(area, 300, 200)
    wide = limits.auroc_interval(area, 30, 20)
    assert wide[0] < low < area < high < wide[1]


def test_probabilities_before_the_temperature() -> None:
    """The error before scaling is that of the softmax of the unscaled scores."""
    logits = np.array([[4.0, 0.0], [3.0, 0.0], [0.0, 5.0]])
    warm = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    plain = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(limits.untempered(warm, 2.0), plain)


def test_a_file_without_familiarity() -> None:
    """The table has the greatest probability alone, and nothing is called known."""
    found = measured(Said(familiarity=None, conformal=None))
    assert (found.kept, found.errors, found.sets) == (None, None, None)
    assert found.foreign[0].by_familiarity is None
    assert found.plain()["foreign_known"] == {
        "noise": found.foreign[0].by_probability.through.value
    }
