"""Fine-tuning: what stays as it came, what learns, and the same bytes whole or resumed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning
import msgspec
import pytest
import torch
import torchvision
from torch import Tensor, nn

from pipeline import config
from pipeline.nets.errors import NetError, WeightsError
from pipeline.training import optimizers, trainer
from pipeline.training.classifier import ImageClassifier
from pipeline.training.datamodule import ArraysDataModule
from pipeline.training.freezing import Freezing
from pipeline.training.recipe import Recipe
from tests.pipeline.cases import prepared_set
from tests.pipeline.training.test_same_bytes import FirstCheckpoint, some_images

pytestmark = pytest.mark.filterwarnings(
    "ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning"  # lightning on torch 2.15
)

PARAMS = config.load(Path(__file__).parents[3] / "params.yaml")
START: dict[str, object] = {"name": "resnet18", "weights": "data/weights/net.pth"}
State = dict[str, Tensor]


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """A resnet18's file in data/weights of the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("data/weights").mkdir(parents=True)
    torch.manual_seed(1)
    state: State = torchvision.models.resnet18(num_classes=7).state_dict()
    state["bn1.running_mean"] += 1.0
    torch.save(state, "data/weights/net.pth")
    return state


@dataclass
class Watch(lightning.Callback):
    """Keeps a copy of the net after each epoch's steps."""

    after: list[State] = field(default_factory=list)

    def on_train_epoch_end(
        self,
        trainer: lightning.Trainer,  # noqa: ARG002 - Lightning's signature
        pl_module: lightning.LightningModule,
    ) -> None:
        state = pl_module.state_dict()
        self.after.append(
            {key.removeprefix("net.body."): value.clone() for key, value in state.items()}
        )


def fit(
    *callbacks: lightning.Callback, resume: Path | None = None, **changes: object
) -> tuple[dict[str, Any], list[dict[str, float]]]:
    wanted: dict[str, object] = {
        "epochs": 3, "freeze": 1, "batch_size": 4, "optimizer": "sgd", "learning_rate": 0.01,
        "accelerator": "cpu", **changes,
    }  # fmt: skip
    train = msgspec.structs.replace(PARAMS.train, **wanted)
    module = ImageClassifier(
        model=msgspec.to_builtins(PARAMS.model) | START,
        train=msgspec.to_builtins(train),
        image_shape=[1, 28, 28], classes=4, mean=[0.5], std=[0.3], starts=True,
    )  # fmt: skip
    data = ArraysDataModule(some_images(), some_images(), batch_size=4, seed=0)
    fitting = trainer.build(train, root=Path(), callbacks=callbacks, progress=False)
    fitting.fit(module, data, ckpt_path=resume)
    return dict(module.state_dict()), module.history.curves


def moved(before: State, after: State) -> set[str]:
    return {
        key
        for key, value in before.items()
        if value.shape == after[key].shape and not torch.equal(value, after[key])
    }


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
def test_the_backbone_waits_for_its_epoch(weights: State, optimizer: str) -> None:
    """Frozen, neither a kernel nor a statistic of batch norm moves; then all of them do."""
    watch = Watch()
    fit(watch, optimizer=optimizer)
    weights["conv1.weight"] = weights["conv1.weight"].sum(dim=1, keepdim=True)
    first, second, _ = watch.after
    assert moved(weights, first) == set()
    assert not torch.equal(first["fc.weight"], second["fc.weight"])
    assert {"conv1.weight", "bn1.weight", "bn1.running_mean"} <= moved(first, second)


def test_whole_and_resumed_where_it_thaws(weights: State, tmp_path: Path) -> None:  # noqa: ARG001
    """A training that was stopped after the frozen epoch ends in the same bytes."""
    first = tmp_path / "first.ckpt"
    whole, curves = fit(FirstCheckpoint(first))
    resumed, again = fit(resume=first)
    assert curves == again
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_several_processes_drop_what_they_do_not_use(weights: State) -> None:  # noqa: ARG001
    """Where others train along, gradients are made, and none is left for the update."""
    net = torchvision.models.resnet18(num_classes=4)
    freezing = Freezing(net, 4, epochs=1, shared=True)
    freezing.begin(0)
    torch.autograd.backward(net(torch.rand(2, 3, 32, 32)).sum())
    assert net.conv1.weight.grad is not None
    freezing.drop_gradients()
    assert {name for name, weight in net.named_parameters() if weight.grad is not None} == {
        "fc.weight", "fc.bias",
    }  # fmt: skip
    freezing.begin(1)
    assert net.bn1.training


def test_another_file_is_another_training(weights: State) -> None:
    """Its hash is part of what a training is keyed by; a missing one is said in a line."""
    model = msgspec.structs.replace(PARAMS.model, **START)
    recipe = Recipe(model, PARAMS.train, prepared_set())
    before = recipe.key
    assert recipe.tags["weights.sha256"]
    weights["fc.bias"] += 1.0
    torch.save(weights, "data/weights/net.pth")
    assert recipe.key != before
    Path("data/weights/net.pth").unlink()
    with pytest.raises(WeightsError, match=r"data/weights/net\.pth does not exist"):
        _ = recipe.key


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
def test_the_backbone_has_a_rate_of_its_own(optimizer: str) -> None:
    """All before the head learns by a part of the rate, the head by all of it."""
    train = msgspec.structs.replace(
        config.settled(PARAMS.train), optimizer=optimizer, learning_rate=0.01,
        backbone_learning_rate=0.001, adamw_learning_rate=0.002,
    )  # fmt: skip
    net = torchvision.models.resnet18(num_classes=4)
    found = optimizers.build(net, train, classes=4)
    peaks = {weight: group["peak"] for group in found.param_groups for weight in group["params"]}
    assert len(peaks) == len(list(net.parameters()))
    of_others = 0.002 if optimizer == "muon" else 0.01  # muon leaves the head to AdamW
    assert peaks[net.fc.weight] == peaks[net.fc.bias] == of_others
    assert peaks[net.conv1.weight] == pytest.approx(0.001)
    assert peaks[net.bn1.weight] == pytest.approx(of_others / 10)


def test_a_net_without_a_head() -> None:
    """Nothing scores the classes: one line says what is needed."""
    with pytest.raises(NetError, match=r"train\.freeze needs a last layer that scores 4 classes"):
        Freezing(nn.Sequential(nn.Linear(3, 5)), 4, epochs=1, shared=False)
