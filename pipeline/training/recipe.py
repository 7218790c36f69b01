"""What makes the weights what they are: two sections of the parameters, and the data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import torch

from contract import files
from pipeline import config
from pipeline.data.arrays import Prepared
from pipeline.data.kinds import kind_of
from pipeline.nets import weights, zoo
from pipeline.tracking.git import CODE
from pipeline.training import costs, made_with, resolution
from pipeline.training.checkpoint import Origin
from pipeline.training.classifier import ImageClassifier
from pipeline.training.datamodule import ArraysDataModule

AUTO = "auto"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Recipe:
    """What makes the weights what they are: two sections of the parameters, and the data."""

    model: config.Model
    train: config.Train
    data: Prepared
    asked: Mapping[str, config.Scalar] = field(default_factory=dict)  # by key, where it said auto

    @property
    def origin(self) -> Origin:
        params = {
            "model": msgspec.to_builtins(self.model),
            "train": msgspec.to_builtins(self.train),
        }
        return Origin(files.sha256_of_json(params), self.data.dataset.sha256_of_all)

    @property
    def key(self) -> str:
        """Names what is resumed from: equal keys may go on from each other's checkpoints."""
        paths = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
        paths += ROOT.glob("constraints.txt")  # absent where the package is installed
        code = {str(path.relative_to(ROOT)): files.sha256_of_file(path) for path in paths}
        origin = (self.origin.params_sha256, self.origin.data_sha256)
        start = self.weights_sha256
        return files.sha256_of_json([*origin, code, made_with.parts(self.train), start])

    @property
    def weights_sha256(self) -> str | None:
        """Of the file that the net starts from; raises WeightsError where it is missing."""
        path = self.model.weights
        return files.sha256_of_file(weights.existing(Path(path))) if path else None

    @property
    def tags(self) -> dict[str, str]:
        dataset = self.data.dataset
        return {
            "params.sha256": self.origin.params_sha256,
            "data.sha256": self.origin.data_sha256,
            "data.name": dataset.name,
            "data.source": dataset.source,
            "data.requested": dataset.requested,
            **({"weights.sha256": self.weights_sha256} if self.weights_sha256 else {}),
            **{f"made_with.{name}": what for name, what in made_with.parts(self.train).items()},
        }

    def classifier(self) -> ImageClassifier:
        dataset = self.data.dataset
        mean, std = zoo.normalisation(self.model, dataset.image_shape[0]) or (
            dataset.mean,
            dataset.std,
        )
        return ImageClassifier(
            model=msgspec.to_builtins(self.model),
            train=msgspec.to_builtins(self.train),
            image_shape=list(dataset.image_shape),
            classes=len(dataset.classes),
            mean=list(mean),
            std=list(std),
            starts=True,
            asked=self.asked,
        )

    def resolved(self) -> "Recipe":
        """Return the recipe with a value in the place of every auto; what was measured is said."""
        train: config.Train = resolution.resolve(self.model, self.train, self.data.dataset)
        if train.precision == AUTO:
            torch.set_num_threads(train.threads)
            device = made_with.torch_device(train)
            chosen, line = costs.faster_precision(replace(self, train=train).classifier(), device)
            print(line, flush=True)  # noqa: T201
            train = msgspec.structs.replace(train, precision=chosen)
        asked, found = (
            config.flatten({"train": msgspec.to_builtins(one)}) for one in (self.train, train)
        )
        differ = {key: value for key, value in asked.items() if found[key] != value}
        return replace(self, train=train, asked={**self.asked, **differ})

    def in_place_of_auto(self) -> dict[str, config.Scalar]:
        """For a tracker that has the asked values: `resolved.train.learning_rate` and so on."""
        found = config.flatten({"train": msgspec.to_builtins(self.train)})
        return {f"resolved.{key}": found[key] for key in self.asked}

    def plain(self) -> dict[str, object]:
        """As recipe.json has it: what it was trained by, and what was asked for instead."""
        sections = {
            "model": msgspec.to_builtins(self.model),
            "train": msgspec.to_builtins(self.train),
        }
        return {
            "kind_of_data": kind_of(self.data.dataset),
            "asked": dict(self.asked),
            "resolved": config.flatten(sections),
        }

    def batches(self) -> ArraysDataModule:
        return ArraysDataModule(
            self.data.train,
            self.data.val,
            batch_size=self.train.batch_size,
            seed=self.train.seed,
            evened=self.train.balance == "sampling",
        )
