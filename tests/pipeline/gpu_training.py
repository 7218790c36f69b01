"""Trains the digits on a GPU with and without CUDA graphs; started by test_devices.py."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from pipeline import config
from pipeline.training import trainer
from pipeline.training.classifier import ImageClassifier
from pipeline.training.datamodule import ArraysDataModule, Placement
from pipeline.training.graphs import Graphs


@dataclass(frozen=True)
class Split:
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def fit(
    params: config.Params, folder: Path, *, cuda_graph: bool, placement: Placement = "resident"
) -> ImageClassifier:
    images, labels = load_digits(return_X_y=True)
    pixels = (images.reshape(-1, 1, 8, 8) * 15.9375).astype(np.uint8)
    recipe = msgspec.structs.replace(
        params.train, epochs=8, batch_size=64, accelerator="gpu", cuda_graph=cuda_graph,
        averaging=0.9, shift=0.5,
    )  # fmt: skip
    module = ImageClassifier(
        model=msgspec.to_builtins(params.model), train=msgspec.to_builtins(recipe),
        image_shape=[1, 8, 8], classes=10, mean=[0.3], std=[0.37],
    )  # fmt: skip
    data = ArraysDataModule(
        Split(pixels[:1401], labels[:1401]), Split(pixels[1401:], labels[1401:]),
        batch_size=64, seed=0, placement=placement,
    )  # fmt: skip
    trainer.build(recipe, root=folder, progress=False).fit(module, data)
    return module


def weights(module: ImageClassifier) -> bytes:
    return b"".join(value.cpu().numpy().tobytes() for value in module.state_dict().values())


def main(params: Path, folder: Path) -> None:
    captures = 0
    capture = Graphs.capture

    def counted(self: Graphs, *tensors: object) -> object:
        nonlocal captures
        captures += 1
        return capture(self, *tensors)  # type: ignore[arg-type]  # passed on as they came

    Graphs.capture = counted  # type: ignore[method-assign,assignment]  # to count the captures
    given = config.load(params)
    first = fit(given, folder, cuda_graph=True)
    graphs = captures
    second = fit(given, folder, cuda_graph=True)
    streamed = fit(given, folder, cuda_graph=True, placement="streamed")
    eager = fit(given, folder, cuda_graph=False)
    result = {
        "graphs": graphs,
        "twice": weights(first) == weights(second),
        "streamed": weights(first) == weights(streamed),
        "graph_accuracy": first.history.curves[-1]["val_accuracy"],
        "eager_accuracy": eager.history.curves[-1]["val_accuracy"],
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
