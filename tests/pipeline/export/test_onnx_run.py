"""onnx_run: the same probabilities however the images are cut and however many threads run."""

import numpy as np
import pytest
import torch

from pipeline.export import onnx_graph, onnx_run
from tests.pipeline.cases import prepared_set


@pytest.fixture(scope="module")
def session() -> onnx_run.Session:
    torch.manual_seed(0)
    net = torch.nn.Sequential(onnx_graph_float(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
    graph = onnx_graph.trace(onnx_graph.WithSoftmax(net), (1, 12, 12), ["probabilities"])
    return onnx_run.open_session(onnx_graph.to_bytes(graph, {}))


def onnx_graph_float() -> torch.nn.Module:
    class Float(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.float() / 255

    return Float()


def test_thread_count_changes_no_bit(session: onnx_run.Session) -> None:
    """One, two and five threads, with batches that leave a remainder."""
    images = np.tile(prepared_set().test.images, (12, 1, 1, 1))
    answers = [
        onnx_run.predict(session, images, batch_size=7, threads=threads) for threads in (1, 2, 5)
    ]
    assert answers[0].shape == (len(images), 3)
    for other in answers[1:]:
        np.testing.assert_array_equal(answers[0], other)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 64, 1000])
def test_every_image_keeps_its_place(session: onnx_run.Session, batch_size: int) -> None:
    """Each row is what the image alone gives, at any batch size."""
    images = prepared_set(images=71).test.images
    answers = onnx_run.predict(session, images, batch_size=batch_size)
    alone = [session.run(None, {"images": images[i : i + 1]})[0][0] for i in range(len(images))]
    np.testing.assert_allclose(answers, alone, atol=1e-6)
