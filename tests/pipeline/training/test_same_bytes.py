"""Whole, twice or resumed: a training ends in the same bytes, whatever the net."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import lightning
import msgspec
import numpy as np
import pytest
from lightning.pytorch.callbacks import Checkpoint
from numpy.typing import NDArray

from pipeline import config
from pipeline.training import trainer
from pipeline.training.classifier import ImageClassifier
from pipeline.training.datamodule import ArraysDataModule
from tests.pipeline.nets.test_zoo import CLASSIC

pytestmark = pytest.mark.filterwarnings(
    "ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning"  # lightning on torch 2.15
)

PARAMS = config.load(Path(__file__).parents[3] / "params.yaml")
SOAKED = ["resnet18"]  # the others seldom tell more
NETS = [
    pytest.param(name, marks=pytest.mark.soak if name in SOAKED else pytest.mark.soak_all)
    for name in CLASSIC
]
IMAGES = 8


@dataclass(frozen=True)
class Split:
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def some_images() -> Split:
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 1, 28, 28), dtype=np.uint8)
    return Split(images, np.arange(IMAGES) % 4)


class FirstCheckpoint(Checkpoint):
    """Keeps the state after the first epoch."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002 - Lightning's signature
    ) -> None:
        if trainer.current_epoch == 0:
            trainer.save_checkpoint(self.path)


def fit(
    name: str, folder: Path, *callbacks: lightning.Callback, resume: Path | None = None
) -> tuple[str, list[dict[str, float]]]:
    """Return the sha256 of the weights, and the curves."""
    train = msgspec.structs.replace(
        PARAMS.train, epochs=2, batch_size=4, optimizer="sgd", learning_rate=0.001,
        accelerator="cpu",
    )  # fmt: skip
    module = ImageClassifier(
        model=msgspec.to_builtins(PARAMS.model) | {"name": name},
        train=msgspec.to_builtins(train),
        image_shape=[1, 28, 28], classes=4, mean=[0.5], std=[0.3],
    )  # fmt: skip
    data = ArraysDataModule(some_images(), some_images(), batch_size=4, seed=0)
    fitting = trainer.build(train, root=folder, callbacks=callbacks, progress=False)
    fitting.fit(module, data, ckpt_path=resume)
    weights = hashlib.sha256()
    for value in module.state_dict().values():
        weights.update(value.numpy().tobytes())
    return weights.hexdigest(), module.history.curves


@pytest.mark.parametrize("name", ["lenet", *NETS])
def test_whole_twice_and_resumed(name: str, tmp_path: Path) -> None:
    """Dropout, order and distortions depend on seed and place in the training alone."""
    first = tmp_path / "first.ckpt"
    whole = fit(name, tmp_path, FirstCheckpoint(first))
    assert fit(name, tmp_path) == whole
    assert fit(name, tmp_path, resume=first) == whole
