"""What is known of a model's speed, and what is chosen by it."""

import time

import pytest

from serving.batching.speed import Speed, measured, quantum_of, slice_of

RESNET = {1: 0.030, 2: 0.058, 4: 0.113, 8: 0.222, 16: 0.440, 32: 0.860, 64: 1.690}
LENET = {1: 50e-6, 2: 80e-6, 4: 130e-6, 8: 230e-6, 16: 440e-6, 32: 850e-6, 64: 1690e-6}


def test_a_slice_is_the_smallest_that_is_nearly_as_fast_as_any() -> None:
    """Of a heavy model few images; of a light one all, for even those take no time."""
    assert slice_of(RESNET, longest_s=2.0) == 4
    assert slice_of(LENET, longest_s=2.0) == 64


def test_a_slice_leaves_a_short_deadline_room_for_several() -> None:
    """What takes longer than allowed is not run at once; one image always is."""
    assert slice_of(RESNET, longest_s=0.12) == 1
    assert slice_of(RESNET, longest_s=0.001) == 1


def test_a_turn_is_short() -> None:
    """One image of a heavy model; a whole slice of a light one."""
    assert quantum_of(RESNET, slice_items=8) == 1
    assert quantum_of(LENET, slice_items=32) == 32


def test_seconds_of_any_number_follow_from_the_measured_ones() -> None:
    """In proportion between two sizes; whole slices and a rest for more than one run."""
    speed = Speed({1: 1.0, 2: 1.5, 4: 2.0}, slice_items=4)
    assert [speed.of_run(items) for items in (1, 2, 3, 4)] == [1.0, 1.5, 1.75, 2.0]
    assert speed.of_work(9) == 5.0
    assert speed.of_work(0) == 0.0
    assert [speed.items_within(seconds) for seconds in (0.5, 1.0, 1.8, 2.0, 5.2)] == [0, 1, 3, 4, 9]


def test_runs_keep_it_current() -> None:
    """It follows a machine that has become slower, and forgets a single hiccup."""
    speed = Speed({1: 1.0, 4: 2.0}, slice_items=4)
    speed.observe(4, 200.0)
    assert speed.of_run(4) == pytest.approx(2.4)
    for _ in range(60):
        speed.observe(4, 3.0)
    assert speed.of_run(4) == pytest.approx(3.0, rel=0.01)
    assert speed.of_run(1) == 1.0
    for _ in range(60):
        speed.observe(2, 1.2)
    assert speed.of_run(2) == pytest.approx(1.2, rel=0.02)


def test_measuring_ends_where_it_has_cost_enough() -> None:
    """Sizes double until the patience is gone; the largest is the one that was asked for."""
    sizes: list[int] = []
    assert set(measured(sizes.append, most=6, patience_s=10)) <= {1, 2, 4, 6}
    assert max(sizes) == 6

    def slow(items: int) -> None:
        time.sleep(0.03 * items)

    assert set(measured(slow, most=64, patience_s=0.25)) == {1, 2}


def test_measuring_ends_where_larger_batches_gain_nothing() -> None:
    """Two doublings without gain are enough."""

    def run(items: int) -> None:
        time.sleep(0.01 * items)

    found = measured(run, most=1024, patience_s=60)
    assert max(found) <= 16
