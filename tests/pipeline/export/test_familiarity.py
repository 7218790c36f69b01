"""familiarity: a quantile of validation in the graph, by the formula, wherever a net allows it."""

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from contract import metadata as contract_metadata
from pipeline.evaluation import foreign
from pipeline.evaluation.limits import auroc
from pipeline.export import familiarity, last_layer, model_file, onnx_run, strangers
from pipeline.export.model_file import Asked, Made
from pipeline.export.temperature import Temperature
from pipeline.export.world import World
from tests.pipeline.cases import classifier, prepared_set

PREPARED = prepared_set(images=200)
ASKED = Asked(kept=0.9, coverage=0.9, temperature=Temperature(1.0, "as it is"))


def made(net: nn.Module, *, asked: Asked = ASKED) -> Made:
    described = model_file.describe(
        PREPARED.dataset, net, name=None, hyperparameters={"model.name": "x"}, params_sha256="2"
    )
    return model_file.make(
        net, described, train=PREPARED.train, validation=PREPARED.val, golden=3, asked=asked
    )


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return classifier(PREPARED).net


@pytest.fixture(scope="module")
def model(net: nn.Module) -> Made:
    return made(net)


def answers(content: bytes, images: NDArray[np.uint8], size: int = 64) -> NDArray[np.float32]:
    found = onnx_run.answers(onnx_run.open_session(content), images, batch_size=size)[1]
    assert found is not None
    return found


def test_the_graph_computes_the_formula(net: nn.Module, model: Made) -> None:
    """Against double precision on torch's own features, at any batch size."""
    last = last_layer.find(net, PREPARED.dataset.image_shape)
    logits, features = last_layer.answers(net, last, PREPARED.val.images)
    assert features is not None
    assert model.head is not None
    expected = familiarity.reference(model.head, logits, features)
    for size in (1, 7, 64):
        found = answers(model.content, PREPARED.val.images, size)
        assert found.shape == (len(PREPARED.val),)
        assert found.dtype == np.float32
        assert np.abs(found - expected).max() < 1e-4


def test_a_logit_above_the_usual_counts_no_more(net: nn.Module, model: Made) -> None:
    """Noise may have any: it must not make up for features that are strange."""
    last = last_layer.find(net, PREPARED.dataset.image_shape)
    logits, features = last_layer.answers(net, last, PREPARED.test.images)
    assert features is not None
    assert model.head is not None
    usual = np.zeros_like(logits)
    usual[:, 0] = model.head.cap + 1
    little, enough, much = (
        familiarity.reference(model.head, some, features) for some in (usual - 9, usual, usual + 90)
    )
    np.testing.assert_array_equal(enough, much)
    assert little.mean() < enough.mean()


def test_it_is_a_quantile_of_validation(model: Made) -> None:
    """Between 0 and 1, evenly spread as quantiles are, and the threshold keeps 90 %."""
    found = answers(model.content, PREPARED.val.images)
    assert found.min() >= 0
    assert found.max() <= 1
    for level in (0.25, 0.5, 0.75):
        assert (found < level).mean() == pytest.approx(level, abs=0.06)
    properties = onnx_run.open_session(model.content).get_modelmeta().custom_metadata_map
    said = contract_metadata.read(properties).limits
    assert said is not None
    assert said.familiarity is not None
    assert (found >= said.familiarity.threshold).mean() == pytest.approx(0.9, abs=0.005)


def test_foreign_images_are_less_familiar(model: Made) -> None:
    """Of sets that it was not told from, noise, swapped values and letters."""
    own = answers(model.content, PREPARED.test.images)
    sets = dict(foreign.sets(World.of(PREPARED.test.images, PREPARED.test.labels), most=60))
    for name in ("noise", "constant", "inverted"):
        assert auroc(own, answers(model.content, sets[name])) > 0.9, name


def test_equal_bytes_for_equal_weights(net: nn.Module, model: Made) -> None:
    """Whatever threads torch has and what random numbers were drawn before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.rand(7)
    try:
        assert made(net).content == model.content
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_few_bytes_and_few_nodes(net: nn.Module, model: Made) -> None:
    """At most 40 KB and seven nodes more than without; two outputs, in their order."""
    described = model_file.describe(
        PREPARED.dataset, net, name=None, hyperparameters={"model.name": "x"}, params_sha256="2"
    )
    plain = model_file.model_bytes(net, described, PREPARED.val, golden=3)
    assert len(model.content) - len(plain) < 40_000
    graphs = [onnx.load_from_string(content).graph for content in (plain, model.content)]
    assert len(graphs[1].node) - len(graphs[0].node) <= 7
    assert [one.name for one in graphs[1].output] == ["probabilities", "familiarity"]


class Convolved(nn.Module):
    """No linear layer: maps are averaged into logits."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.body(images.float() / 255)
        return logits


class Flat(nn.Module):
    """A linear layer, and something after it."""

    def __init__(self, after: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(144, 20), nn.ReLU(), nn.Linear(20, 3))
        self.after = after

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.after(self.body(images.float() / 255))
        return logits


@pytest.mark.parametrize("net", [Convolved(), Flat(nn.Tanh())], ids=["convolved", "tanh"])
def test_a_net_without_a_last_linear_layer(net: nn.Module) -> None:
    """It has probabilities and sets; the output is left out, and why is said."""
    found = made(net.eval())
    session = onnx_run.open_session(found.content)
    assert not onnx_run.has_familiarity(session)
    assert "linear layer" in found.without
    said = contract_metadata.read(session.get_modelmeta().custom_metadata_map).limits
    assert said is not None
    assert said.familiarity is None
    assert said.conformal is not None


@pytest.mark.parametrize("after", [nn.Identity(), nn.Tanh()], ids=["linear", "tanh"])
def test_temperature_divides_the_logits(after: nn.Module) -> None:
    """In the last layer's weights, or after whatever stands there; the given net is as it was."""
    torch.manual_seed(0)
    net = Flat(after).eval()
    images = PREPARED.val.images[:5]
    logits = last_layer.answers(net, None, images)[0]
    warm = last_layer.tempered(net, (1, 12, 12), 2.5)
    np.testing.assert_allclose(last_layer.answers(warm, None, images)[0], logits / 2.5, atol=1e-6)
    np.testing.assert_array_equal(last_layer.answers(net, None, images)[0], logits)


@pytest.mark.parametrize("shape", [(1, 12, 12), (3, 20, 33), (2, 64, 9)])
def test_sets_for_images_of_any_shape(shape: tuple[int, int, int]) -> None:
    """Each set is uint8 of the shape, the same each time, and none stands on both sides."""
    images = np.random.default_rng(0).integers(0, 90, (30, *shape)).astype(np.uint8)
    world = World.of(images, np.arange(30) % 3)
    for one in (strangers, foreign):
        found, again = (dict(one.sets(world, most=12)) for _ in range(2))
        for name, some in found.items():
            assert (some.dtype, some.shape) == (np.uint8, (12, *shape)), name
            np.testing.assert_array_equal(some, again[name])
    assert not strangers.MAKERS.keys() & foreign.MAKERS.keys()
    assert not set(strangers.GLYPHS) & set(foreign.LETTERS)
    assert not set(strangers.FONTS) & set(foreign.FONTS)
