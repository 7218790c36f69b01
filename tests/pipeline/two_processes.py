"""A training over two CPU processes; started by test_devices.py, and by Lightning once more."""

import hashlib
import json
import logging
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import lightning
import msgspec
import numpy as np
from lightning.pytorch.callbacks import ModelCheckpoint
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from pipeline import config
from pipeline.training import trainer
from pipeline.training.batches import Chunk
from pipeline.training.classifier import ImageClassifier
from pipeline.training.datamodule import ArraysDataModule


@dataclass(frozen=True)
class Split:
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


class Seen(lightning.Callback):
    """Which images this process got, known by their content."""

    def __init__(self) -> None:
        self.epochs: list[list[str]] = []

    def on_train_epoch_start(self, *_: object) -> None:
        self.epochs.append([])

    def on_train_batch_start(self, *arguments: object) -> None:
        chunk = next(given for given in arguments if isinstance(given, Chunk))
        self.epochs[-1] += [hashlib.sha256(image.numpy()).hexdigest() for image in chunk.images]


def main(params: Path, folder: Path, devices: int, epochs: int, resume: str) -> None:
    images, labels = load_digits(return_X_y=True)
    pixels = (images.reshape(-1, 1, 8, 8) * 15.9375).astype(np.uint8)
    given = config.load(params)
    recipe = msgspec.structs.replace(
        given.train, epochs=epochs, batch_size=64 // devices, threads=1, accelerator="cpu",
        devices=devices, strategy="ddp" if devices > 1 else "auto", averaging=0.9, shift=0.5,
        learning_rate=0.01,
    )  # fmt: skip
    module = ImageClassifier(
        model=msgspec.to_builtins(given.model), train=msgspec.to_builtins(recipe),
        image_shape=[1, 8, 8], classes=10, mean=[0.3], std=[0.37],
    )  # fmt: skip
    data = ArraysDataModule(
        Split(pixels[:1401], labels[:1401]), Split(pixels[1401:], labels[1401:]),
        batch_size=recipe.batch_size, seed=0,
    )  # fmt: skip
    seen = Seen()
    keep = ModelCheckpoint(dirpath=folder / "kept", filename="{epoch}", save_top_k=-1)
    fitting = trainer.build(recipe, root=folder, callbacks=[seen, keep], progress=False)
    fitting.fit(module, data, ckpt_path=resume or None)
    weights = b"".join(value.numpy().tobytes() for value in module.state_dict().values())
    result = {
        "weights": hashlib.sha256(weights).hexdigest(),
        "curves": module.history.curves,
        "seen": seen.epochs,
    }
    (folder / f"process-{fitting.global_rank}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    params_, folder_, devices_, epochs_, resume_ = sys.argv[1:]
    main(Path(params_), Path(folder_), int(devices_), int(epochs_), resume_)
