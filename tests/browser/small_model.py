"""A LeNet trained for seconds on scikit-learn's handwritten digits, exported as `dvc repro` does.

Every picture is framed by the server's own `fit=digit`, so drawings look alike to it.
"""

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody reads

from contract import files
from contract.arrays import Images, Labels
from contract.metadata import Metadata
from contract.reading.rules import current
from pipeline import config
from pipeline.data.arrays import Prepared, Split
from pipeline.data.assemble import describe
from pipeline.data.decode import Official
from pipeline.data.raw import Source
from pipeline.evaluation.card import Card, replay_shown
from pipeline.evaluation.training_record import Replay
from pipeline.export import activations_file, model_file
from pipeline.export.model_file import Asked
from pipeline.export.temperature import Temperature
from pipeline.nets import zoo
from pipeline.training.augment import Augmentation, Distorter
from serving.pictures.digit import fit_digit
from tests.pipeline.cases import torch_probabilities

Rows = list[list[float]]  # probabilities: a list for each image

PARAMS = Path(__file__).parents[2] / "params.yaml"
EPOCHS, BATCH, TRAIN, VALIDATION = 8, 64, 1200, 200
SHEET = 80  # px, of which the digit takes half
ASKED = Asked(kept=0.95, coverage=0.95, temperature=Temperature(1.0, "as it is"))
RATE, REPLAYED = 3e-3, 6
THINGS = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


def make(folder: Path, *, seed: int = 0, epochs: int = EPOCHS) -> Path:
    """Write model.onnx, its activations, its card into `folder`; returns the path of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    prepared = digits()
    torch.manual_seed(seed)
    net = _net(prepared, config.load(PARAMS).model)
    record = _train(net, prepared, seed=seed, epochs=epochs)
    metadata, sha256 = _export(folder, net, prepared, name="lenet")
    card = _card(metadata, prepared, sha256, record)
    files.write_json(folder / "model.card.json", msgspec.to_builtins(card))
    return folder / "model.onnx"


def untrained(
    folder: Path, *, net: str = "lenet", shape: tuple[int, int, int] = (3, 32, 32), seed: int = 0
) -> Path:
    """Write a net of the zoo with random weights, for pictures of anything but digits."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (60, *shape)).astype(np.uint8)
    split = Split(images, (np.arange(60) % 10).astype(np.int64))
    official = Official("noise", THINGS, split, split)
    source = Source(name="noise", requested="noise", source="published", files={})
    prepared = describe(official, source, "noise", (split, split, split))
    torch.manual_seed(seed)
    model = msgspec.structs.replace(config.load(PARAMS).model, name=net)
    _export(folder, _net(prepared, model), prepared, name=net)
    return folder / "model.onnx"


def _export(folder: Path, net: nn.Module, prepared: Prepared, *, name: str) -> tuple[Metadata, str]:
    """Write the model and its activations, as the export stage does; returns its sha256 too."""
    metadata = model_file.describe(
        prepared.dataset,
        net.eval(),
        name=None,
        hyperparameters={"model.name": name},
        params_sha256="1" * 64,
    )
    model = model_file.make(
        net, metadata, train=prepared.train, validation=prepared.val, golden=10, asked=ASKED
    ).content
    sha256 = files.sha256_of_bytes(model)
    activations = activations_file.activations_bytes(net, metadata.image_shape, model_sha256=sha256)
    files.write_bytes(folder / "model.onnx", model)
    files.write_bytes(folder / "model.activations.onnx", activations)
    return metadata, sha256


@functools.cache
def digits() -> Prepared:
    """1,797 digits of 8 by 8, framed as MNIST's are."""
    bunch: Any = load_digits()
    images = np.stack([_framed(image) for image in bunch.images])[:, None]
    labels = bunch.target.astype(np.int64)
    train, validation, test = (
        Split(images[part], labels[part])
        for part in (
            slice(TRAIN),
            slice(TRAIN, TRAIN + VALIDATION),
            slice(TRAIN + VALIDATION, None),
        )
    )
    classes = tuple(str(digit) for digit in range(10))
    source = Source(name="digits", requested="digits", source="published", files={})
    official = Official("digits", classes, train, test)
    splits = (train, validation, test)
    return describe(official, source, "digits", splits, reading=current(digit=True))


def _framed(image: NDArray[np.float64]) -> Images:
    """8 by 8 values from 0 to 16, as ink on paper, through the server's own framing."""
    ink = Image.fromarray((255 - image * 255 / 16).astype(np.uint8))
    paper = Image.new("L", (SHEET, SHEET), 255)
    paper.paste(ink.resize((SHEET // 2, SHEET // 2), Image.Resampling.BICUBIC), (SHEET // 4,) * 2)
    return fit_digit(np.asarray(paper), height=28, width=28)


def _net(prepared: Prepared, model: config.Model) -> nn.Module:
    dataset = prepared.dataset
    return zoo.build(
        model,
        image_shape=dataset.image_shape,
        classes=len(dataset.classes),
        mean=dataset.mean,
        std=dataset.std,
    )


@dataclass
class Record:
    """What training wrote down: losses, accuracy, and what some pictures got after each epoch."""

    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    replay: list[Rows] = field(default_factory=list)

    def add(self, loss: float, answers: Rows, labels: Labels) -> None:
        found = np.array(answers)
        self.train_loss.append(loss)
        self.val_loss.append(float(-np.log(found[np.arange(len(labels)), labels]).mean()))
        self.val_accuracy.append(float((found.argmax(1) == labels).mean()))
        self.replay.append(answers[:REPLAYED])


def _train(net: nn.Module, prepared: Prepared, *, seed: int, epochs: int) -> Record:
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(net.parameters(), RATE)
    record = Record(replay=[_answers(net, prepared.val.images[:REPLAYED])])
    for _ in range(epochs):
        loss = _epoch(net, prepared.train, optimizer, generator)
        record.add(loss, _answers(net, prepared.val.images), prepared.val.labels)
    return record


def _epoch(
    net: nn.Module, split: Split, optimizer: torch.optim.Optimizer, generator: torch.Generator
) -> float:
    """Return the mean loss over the distorted pictures."""
    net.train()
    how = Augmentation(rotation=12, scale=0.15, shear=0.2, shift=1.5, elastic=0)
    distorter = Distorter(how, height=28, width=28)
    images, labels = torch.from_numpy(split.images).float(), torch.from_numpy(split.labels)
    total = 0.0
    order = torch.randperm(len(images), generator=generator)
    for chosen in torch.split(order, BATCH):
        drawn = distorter.draw(len(chosen), generator)
        loss = F.cross_entropy(net(distorter.distort(images[chosen], drawn)), labels[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's
        optimizer.step()
        total += float(loss.detach()) * len(chosen)
    return total / len(images)


def _answers(net: nn.Module, images: Images) -> Rows:
    net.eval()
    rows: Rows = torch_probabilities(net, images).tolist()
    return rows


def _card(metadata: Metadata, prepared: Prepared, sha256: str, record: Record) -> Card:
    epochs = len(record.train_loss)
    shown = list(range(REPLAYED))
    replay = Replay(
        images=tuple(shown),
        labels=tuple(int(label) for label in prepared.val.labels[:REPLAYED]),
        epochs=tuple(range(epochs + 1)),
        probabilities=tuple(tuple(tuple(row) for row in rows) for rows in record.replay),
    )
    return Card(
        model_sha256=sha256,
        name=metadata.model_name,
        net=metadata.net,
        dataset=metadata.dataset,
        classes=metadata.classes,
        parameters=metadata.parameters,
        hyperparameters={"train.epochs": epochs, "train.learning_rate": RATE},
        metrics={"test": {"accuracy": record.val_accuracy[-1]}},
        per_class={},
        run=None,
        git=None,
        curves={
            "epoch": list(range(1, epochs + 1)),
            "train_loss": list(record.train_loss),
            "val_loss": list(record.val_loss),
            "val_accuracy": list(record.val_accuracy),
            "learning_rate": [RATE] * epochs,
        },
        replay=replay_shown(replay, prepared.val.images[shown]),
    )
