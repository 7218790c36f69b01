"""Uneven classes count as much as each other, by weights or by the order."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - the name everybody reads

from pipeline.training.augment import seeded
from pipeline.training.balance import even_order, weights
from pipeline.training.batches import Plan
from pipeline.training.losses import loss

LABELS = np.repeat([0, 1, 2], [90, 9, 3])


def test_each_class_weighs_as_much() -> None:
    """Its images together; the mean over images is one, and an absent class has nothing to say."""
    found = weights(LABELS, 4)
    sums = found[:3] * torch.from_numpy(np.bincount(LABELS))
    torch.testing.assert_close(sums, torch.full((3,), len(LABELS) / 4))
    assert found[3] == 0
    assert weights(LABELS, 3)[LABELS].mean() == pytest.approx(1)


@pytest.mark.parametrize("name", ["cross_entropy", "squared_error"])
def test_weights_are_those_of_the_images(name: str) -> None:
    """The weighted mean of the errors of single images; weights of one change nothing."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(7, 3, generator=generator)
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 0])
    given = torch.tensor([0.5, 1.5, 3.0])
    single = [loss(name, logits[i : i + 1], labels[i : i + 1]) * given[labels[i]] for i in range(7)]
    torch.testing.assert_close(
        loss(name, logits, labels, weights=given), torch.stack(single).mean()
    )
    torch.testing.assert_close(
        loss(name, logits, labels, weights=torch.ones(3)), loss(name, logits, labels)
    )


def test_smoothed_targets_are_weighted_by_the_label() -> None:
    """PyTorch's own `weight` would weigh the smoothed part by other classes."""
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 2])
    plain = F.cross_entropy(logits, labels, label_smoothing=0.2, reduction="none")
    given = torch.tensor([1.0, 2.0, 4.0])
    found = loss("cross_entropy", logits, labels, label_smoothing=0.2, weights=given)
    torch.testing.assert_close(found, (plain * given[labels]).mean())


def test_every_class_comes_as_often() -> None:
    """Small ones whole, again and again; of large ones another part each epoch."""
    orders = [even_order(LABELS, seeded(1, epoch)).numpy() for epoch in (0, 0, 1)]
    assert np.array_equal(orders[0], orders[1])
    for order in orders:
        assert np.bincount(LABELS[order]).tolist() == [34, 34, 34]
        times = np.bincount(order, minlength=len(LABELS))
        assert times[:90].max() == 1
        assert set(times[90:99].tolist()) == {3, 4}
        assert set(times[99:].tolist()) == {11, 12}
    assert set(orders[0].tolist()) != set(orders[2].tolist())
    assert (np.diff(LABELS[orders[0]]) != 0).sum() > 30  # shuffled


def test_a_plan_that_evens_classes_makes_as_many_mini_batches() -> None:
    """Over two processes: none is longer, and together they see every class as often."""
    plans = [
        Plan(images=102, batch_size=10, rank=rank, processes=2, seed=3, evened=LABELS)
        for rank in range(2)
    ]
    seen = np.concatenate([plan.order(5) for plan in plans])
    assert np.bincount(LABELS[seen]).tolist() == [34, 34, 34]
    assert [plan.steps for plan in plans] == [6, 6]
