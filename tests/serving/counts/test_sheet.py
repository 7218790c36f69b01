"""Every number has a place of its own, by name; every model a row of its own."""

from itertools import pairwise

import numpy as np

from serving.counts.exposition import Shown, render
from serving.counts.families import OF_MODEL, OF_SERVER
from serving.counts.sheet import Layout, Recorder, Sheet


def test_places_fill_the_row_without_a_gap() -> None:
    """Server first, then one model after the other, whatever their names."""
    layout = Layout(models=("one", "two", "three"))
    places = list(layout.places.values())
    assert places[0].start == 0
    assert places[-1].stop == layout.size
    assert all(a.stop == b.start for a, b in pairwise(places))
    own = {one.name for one in OF_MODEL}
    order = [key[0] for name, key in layout.places if name in own]
    assert order == sorted(order, key=layout.models.index)
    assert {name for name, _ in layout.places} == own | {one.name for one in OF_SERVER}


def test_cells_are_where_the_numbers_stand() -> None:
    """In their family's shape, shared by all who look, and no other model's or worker's."""
    sheet = Sheet(2)
    np.asarray(sheet.cells(1, "drift", "challenger"))[1, 0, 2] = 7
    assert np.asarray(sheet.cells(1, "drift", "challenger"))[1, 0, 2] == 7
    assert sum(sheet.row(1)) == 7
    assert not np.asarray(sheet.cells(1, "drift", "primary")).any()
    assert not any(sheet.row(0))


def test_numbers_add_up_over_workers_and_gauges_end_with_theirs() -> None:
    """A worker that is no more leaves what it counted."""
    sheet = Sheet(2)
    for worker in (0, 1):
        pen = Recorder(sheet, worker)
        pen.counter("images_total", "primary").add(3)
        pen.counter("connections").add()
        pen.histogram("batch_images", "primary").observe(3)
    assert sheet.total("images_total", "primary") == 6
    assert sheet.total("connections") == 2
    Recorder(sheet, 1).clear_gauges()
    assert sheet.total("images_total", "primary") == 6
    assert sheet.total("connections") == 1
    text = render(sheet, {"primary": Shown('a "b"', ())}).decode()
    assert 'serving_images_total{role="primary",model="a \\"b\\""} 6\n' in text
    assert 'serving_batch_images_bucket{role="primary",model="a \\"b\\"",le="4.0"} 2\n' in text
    assert 'serving_batch_images_sum{role="primary",model="a \\"b\\""} 6\n' in text
    assert 'serving_images_total{role="challenger"}' not in text
