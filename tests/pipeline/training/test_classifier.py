"""Training: reproducible, resumable, and loadable from its checkpoints."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import msgspec
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from pipeline import config
from pipeline.training import trainer
from pipeline.training.classifier import ImageClassifier
from pipeline.training.datamodule import ArraysDataModule, Placement

pytestmark = pytest.mark.filterwarnings(
    "ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning"  # lightning on torch 2.15
)

PARAMS = config.load(Path(__file__).parents[3] / "params.yaml")
Fit = Callable[..., ImageClassifier]


@dataclass(frozen=True)
class Split:
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@pytest.fixture(scope="module")
def digits() -> tuple[Split, Split]:
    """1,797 real handwritten digits of 8x8 pixels: 1,400 to train on, the others to validate."""
    images, labels = load_digits(return_X_y=True)
    pixels = (images.reshape(-1, 1, 8, 8) * 15.9375).astype(np.uint8)
    return Split(pixels[:1400], labels[:1400]), Split(pixels[1400:], labels[1400:])


@pytest.fixture
def fit(digits: tuple[Split, Split], tmp_path: Path) -> Fit:
    """Train on the digits; keywords are keys of `train` in params.yaml."""

    def run(
        *,
        model: dict[str, Any] | None = None,
        callbacks: tuple[lightning.Callback, ...] = (),
        resume: Path | None = None,
        placement: Placement = "auto",
        **changes: Any,  # noqa: ANN401 - any field of Train
    ) -> ImageClassifier:
        small = {"epochs": 2, "batch_size": 64, "threads": 1, "shift": 0.5, "averaging": 0.9}
        train = msgspec.structs.replace(PARAMS.train, **(small | changes))
        module = ImageClassifier(
            model=msgspec.to_builtins(PARAMS.model) | (model or {}),
            train=msgspec.to_builtins(train),
            image_shape=[1, 8, 8], classes=10, mean=[0.3], std=[0.37],
        )  # fmt: skip
        data = ArraysDataModule(
            *digits, batch_size=train.batch_size, seed=train.seed, placement=placement
        )
        fitting = trainer.build(train, root=tmp_path, callbacks=callbacks, progress=False)
        fitting.fit(module, data, ckpt_path=resume)
        return module

    return run


def weights(module: ImageClassifier) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in module.state_dict().items()}


@pytest.mark.parametrize("optimizer", ["muon", "adamw", "sgd"])
def test_learns(fit: Fit, optimizer: str) -> None:
    """Every optimizer gets far in a few epochs of a small data set."""
    rate = {"muon": 0.02, "adamw": 0.01, "sgd": 0.05}[optimizer]
    module = fit(optimizer=optimizer, learning_rate=rate, epochs=8, weight_decay=0.0)
    assert module.history.curves[-1]["val_accuracy"] > 0.9


def test_same_seed_same_bytes(fit: Fit) -> None:
    """On a CPU two trainings end in equal weights; another seed ends in others."""
    assert weights(fit()) == weights(fit())
    assert weights(fit()) != weights(fit(seed=1))


def test_streaming_changes_nothing(fit: Fit) -> None:
    """Batches read ahead from the arrays give the weights that resident ones give."""
    assert weights(fit(placement="streamed")) == weights(fit(placement="resident"))


def test_resumed_training_ends_in_the_same_bytes(fit: Fit, tmp_path: Path) -> None:
    """From the checkpoint of epoch 1 of 3: weights, curves and replay as without the break."""
    folder = tmp_path / "kept"

    def kept() -> ModelCheckpoint:
        return ModelCheckpoint(dirpath=folder, filename="{epoch}", save_top_k=-1)

    whole = fit(epochs=3, callbacks=(kept(),))
    first = (folder / "epoch=0.ckpt").rename(tmp_path / "first.ckpt")
    shutil.rmtree(folder)  # Lightning warns of checkpoints that lie there already
    resumed = fit(epochs=3, callbacks=(kept(),), resume=first)
    assert weights(resumed) == weights(whole)
    assert resumed.history == whole.history


def test_checkpoint_holds_the_averaged_weights(fit: Fit, tmp_path: Path) -> None:
    """What `load_from_checkpoint` gives is what was evaluated, without any class of ours."""
    kept = ModelCheckpoint(dirpath=tmp_path / "kept", filename="{epoch}", save_top_k=-1)
    module = fit(callbacks=(kept,))
    path = tmp_path / "kept" / "epoch=1.ckpt"
    torch.load(path, weights_only=True)
    assert weights(ImageClassifier.load_from_checkpoint(path)) == weights(module)


def test_history(fit: Fit, digits: tuple[Split, Split]) -> None:
    """Curves have a row an epoch, the replay one image a class and the untrained net as well."""
    history = fit().history
    assert [row["epoch"] for row in history.curves] == [1, 2]
    assert history.labels == list(range(10))
    assert digits[1].labels[history.images].tolist() == history.labels
    assert history.replay["epochs"] == [0, 1, 2]
    sums = np.array(history.probabilities).sum(axis=2)
    np.testing.assert_allclose(sums, 1, rtol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "squared_error"},
        {"label_smoothing": 0.1},
        {"balance": "weights"},
        {"balance": "weights", "loss": "squared_error"},
        {"balance": "sampling"},
        {"averaging": 0.0},
        {"schedule": "one_cycle"},
        {"schedule": "constant"},
        {"precision": "bf16-mixed"},
        {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "elastic": 0.0},
    ],
)
def test_every_choice_trains(fit: Fit, changes: dict[str, Any]) -> None:
    """Losses fall under each of them."""
    curves = fit(**changes).history.curves
    assert curves[1]["train_loss"] < curves[0]["train_loss"]
