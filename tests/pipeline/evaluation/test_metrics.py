"""metrics: hand counts, and scikit-learn as an independent reference."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as reference

from pipeline.evaluation import metrics

RIGHT_AND_WRONG = np.array([[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]])
LABELS = np.array([0, 1, 1, 2])


def random_case(classes: int, *, images: int = 500) -> tuple[metrics.Floats, metrics.Labels]:
    generator = np.random.default_rng(classes)
    logits = generator.normal(size=(images, classes)) * 2
    labels = generator.integers(0, classes, images)
    logits[np.arange(images), labels] += 2
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities.astype(np.float32), labels


def test_hand_counted_case() -> None:
    """Four images, one mistake: every number as counted on paper."""
    summary = metrics.summary(RIGHT_AND_WRONG, LABELS, bins=10)
    assert summary.accuracy == 0.75
    assert summary.images == 4
    assert summary.nll == pytest.approx(-np.log([0.9, 0.5, 0.3, 0.8]).mean())
    # squared distances: .01+.01, .04+.25+.09, .36+.49+.01, .01+.01+.04
    assert summary.brier == pytest.approx((0.02 + 0.38 + 0.86 + 0.06) / 4)
    # one image a bin: gaps .1, .5, .6 (wrong, at .6), .2
    assert summary.ece == pytest.approx((0.1 + 0.5 + 0.6 + 0.2) / 4)
    # F1: class 0 has 1 right of 1 actual and 2 predicted; class 1 of 2 and 1; class 2 of 1 and 1
    assert summary.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


def test_confusion_is_actual_by_predicted() -> None:
    """Rows are the truth, columns the answer: the one 1 called 0 stands in row 1, column 0."""
    confusion = metrics.confusion_matrix(RIGHT_AND_WRONG, LABELS)
    assert confusion.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]


def test_wilson_interval_as_published() -> None:
    """Newcombe (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for right, images, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert metrics.wilson_interval(right, images) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_refuses_what_is_no_proportion() -> None:
    """More right than images is a caller's mistake, reported with both numbers."""
    with pytest.raises(ValueError, match="3 right of 2 images"):
        metrics.wilson_interval(3, 2)


@pytest.mark.parametrize("classes", [2, 10, 47])
def test_agrees_with_scikit_learn(classes: int) -> None:
    """Accuracy, NLL, macro F1, per-class numbers and the confusion matrix of random answers."""
    probabilities, labels = random_case(classes)
    answers, summary = probabilities.argmax(axis=1), metrics.summary(probabilities, labels, bins=15)
    confusion = metrics.confusion_matrix(probabilities, labels)
    precision, recall, f1, images = reference.precision_recall_fscore_support(
        labels, answers, labels=range(classes), zero_division=0
    )
    ours = metrics.per_class(confusion)
    assert summary.accuracy == reference.accuracy_score(labels, answers)
    assert summary.macro_f1 == pytest.approx(f1.mean())
    wide = probabilities.astype(np.float64)
    wide /= wide.sum(axis=1, keepdims=True)
    assert summary.nll == pytest.approx(
        reference.log_loss(labels, wide, labels=range(classes)), abs=1e-6
    )
    assert confusion.tolist() == reference.confusion_matrix(labels, answers).tolist()
    for mine, theirs in [
        (ours.precision, precision),
        (ours.recall, recall),
        (ours.f1, f1),
        (ours.images, images),
    ]:
        np.testing.assert_allclose(mine, theirs)


def test_a_class_that_never_occurs_counts_as_zero() -> None:
    """No division by zero: precision, recall and F1 of an absent class are 0."""
    ours = metrics.per_class(np.array([[2, 0], [0, 0]]))
    assert (ours.precision[1], ours.recall[1], ours.f1[1]) == (0, 0, 0)


def test_macro_f1_leaves_out_what_never_occurs() -> None:
    """As scikit-learn does: a small slice without some class can still be all right."""
    probabilities, labels = random_case(10)
    some = np.isin(labels, (1, 4, 7)) & np.isin(probabilities.argmax(axis=1), (1, 2, 4, 7))
    summary = metrics.summary(probabilities[some], labels[some], bins=15)
    answers = probabilities[some].argmax(axis=1)
    assert set(answers) == {1, 2, 4, 7}
    assert summary.macro_f1 == pytest.approx(
        reference.f1_score(labels[some], answers, average="macro")
    )
    perfect = np.eye(10, dtype=np.float32)[labels[some]]
    assert metrics.summary(perfect, labels[some], bins=15).macro_f1 == 1


def test_calibration_error_agrees_with_a_loop() -> None:
    """The definition (Guo et al. 2017), bin by bin in plain Python."""
    probabilities, labels = random_case(10)
    gap = 0.0
    for index in range(15):
        inside = [
            (row.max(), row.argmax() == label)
            for row, label in zip(probabilities.astype(np.float64), labels, strict=True)
            if index / 15 < row.max() <= (index + 1) / 15
        ]
        if inside:
            gap += abs(sum(p for p, _ in inside) - sum(r for _, r in inside)) / len(labels)
    bins = metrics.reliability(probabilities, labels, bins=15)
    assert metrics.calibration_error(bins) == pytest.approx(gap)
    assert bins.images.sum() == len(labels)


def test_a_probability_of_zero_is_finite() -> None:
    """A certain and wrong answer costs much, but JSON can hold it."""
    assert 80 < metrics.negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([1])) < 90


def test_the_last_bin_holds_certainty() -> None:
    """A winning probability of exactly 1 belongs to the last bin."""
    bins = metrics.reliability(np.array([[1.0, 0.0]]), np.array([0]), bins=15)
    assert bins.images.tolist() == [0] * 14 + [1]


def test_mismatched_shapes_are_refused() -> None:
    """Labels of another length are named with both shapes."""
    with pytest.raises(ValueError, match=r"\(4, 3\) and labels \(3,\)"):
        metrics.summary(RIGHT_AND_WRONG, LABELS[:3], bins=15)


def test_balanced_accuracy_is_scikit_learns() -> None:
    """Also where a class never occurs; guessing the largest class gives one over the classes."""
    generator = np.random.default_rng(0)
    labels = generator.choice(4, 200, p=[0.8, 0.1, 0.1, 0.0])
    probabilities = generator.dirichlet(np.ones(4), 200)
    confusion = metrics.confusion_matrix(probabilities, labels)
    chosen = labels.tolist(), probabilities.argmax(axis=1).tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class that is predicted and never true
        expected = reference.balanced_accuracy_score(*chosen)
    assert metrics.balanced_accuracy(confusion) == pytest.approx(expected)
    largest = np.tile([1.0, 0, 0, 0], (200, 1))
    assert metrics.balanced_accuracy(metrics.confusion_matrix(largest, labels)) == pytest.approx(
        1 / 3
    )
