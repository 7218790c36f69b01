"""What auto comes to: by data and net; a number wins; what was asked stays beside it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import config
from pipeline.export import from_checkpoint
from pipeline.training import checkpoint, resolution
from pipeline.training.recipe import Recipe
from pipeline.training.resolution import STILL
from tests.pipeline.cases import prepared_set

PARAMS = config.load(Path(__file__).parents[3] / "params.yaml")
AUTO: dict[str, Any] = {"optimizer": "auto", "learning_rate": "auto", "adamw_learning_rate": "auto",
        "augmentation": "auto"}  # fmt: skip


def recipe(
    *,
    channels: int = 1,
    size: int = 28,
    name: str = "stripes",
    net: str = "lenet",
    **train: Any,  # noqa: ANN401 - any field
) -> Recipe:
    data = prepared_set(channels=channels, size=size, name=name)
    model = msgspec.structs.replace(PARAMS.model, name=net)
    return Recipe(model, msgspec.structs.replace(PARAMS.train, **train), data).resolved()


def augmented(made: Recipe) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(made.train)
    return {key: found[key] for key in STILL}


def test_mnist_comes_to_what_params_yaml_has() -> None:
    """Asked or given, the same training: its parameters' hash too."""
    given, auto = recipe(name="mnist"), recipe(name="mnist", **AUTO)
    assert auto.train == given.train
    assert auto.origin == given.origin
    assert given.asked == {}
    assert auto.asked["train.learning_rate"] == "auto"
    assert auto.in_place_of_auto()["resolved.train.learning_rate"] == 0.02


def test_what_is_done_to_images_fits_their_kind() -> None:
    """Digits are bent, on black; photos are mirrored, and their border reflects."""
    digits = augmented(recipe(name="emnist", **AUTO))
    assert (digits["elastic"], digits["border"], digits["mirror"]) == (0.5, "black", "none")
    grey = augmented(recipe(**AUTO))
    assert (grey["elastic"], grey["border"], grey["mirror"]) == (0.0, "reflect", "none")
    small = augmented(recipe(channels=3, size=32, **AUTO))
    assert (small["mirror"], small["shift"], small["crop"]) == ("alternating", 2.0, 1.0)
    large = augmented(recipe(channels=3, size=96, **AUTO))
    assert (large["mirror"], large["crop"], large["colour"]) == ("random", 0.35, 0.3)
    none = augmented(recipe(channels=3, augmentation="none"))
    assert none == STILL


def test_a_number_wins() -> None:
    """One key may be auto among numbers, and a number stays among those that are."""
    made = recipe(channels=3, size=32, mirror="auto", shift=3.0, optimizer="auto",
                  learning_rate=0.5)  # fmt: skip
    assert (made.train.mirror, made.train.shift, made.train.rotation) == ("alternating", 3.0, 10.0)
    assert (made.train.optimizer, made.train.learning_rate) == ("muon", 0.5)
    assert set(made.asked) == {"train.mirror", "train.optimizer"}


@pytest.mark.parametrize(
    ("net", "optimizer"), [("lenet", "muon"), ("resnet18", "muon"), ("vit_b_32", "adamw"),
                           ("vgg11", "adamw"), ("timm/convnext_atto", "adamw")],
)  # fmt: skip
def test_the_optimizer_fits_the_net(net: str, optimizer: str) -> None:
    """Patches and wide matrices are not for Muon."""
    assert recipe(net=net, **AUTO).train.optimizer == optimizer


def test_steps_from_weights_are_small() -> None:
    """A net that has learned learns on with a part of the rate."""
    for optimizer in ("sgd", "adamw", "muon"):
        fresh = resolution.rates(optimizer, 64, starts=False)
        onward = resolution.rates(optimizer, 64, starts=True)
        assert onward["learning_rate"] < fresh["learning_rate"]


def test_an_unresolved_recipe_trains_nothing() -> None:
    """The net's module takes numbers alone."""
    with pytest.raises(config.ConfigError, match=r"learning_rate is 'auto'"):
        config.settled(msgspec.structs.replace(PARAMS.train, learning_rate="auto"))


def test_the_checkpoint_and_the_file_say_both(tmp_path: Path) -> None:
    """Hyperparameters are what was done; beside them stands what was asked for."""
    model = msgspec.structs.replace(PARAMS.model, canvas=16, kernel=3)
    asked = msgspec.structs.replace(PARAMS.train, **AUTO)
    made = Recipe(model, asked, prepared_set()).resolved()
    path = tmp_path / "model.ckpt"
    checkpoint.write(path, made.classifier(), made.origin)
    trained = from_checkpoint.load(path, made.data.dataset)
    assert trained.hyperparameters["train.optimizer"] == "muon"
    assert trained.asked == made.asked
    assert trained.asked["train.rotation"] == PARAMS.train.rotation, "auto stood above it"
    assert trained.asked["train.augmentation"] == "auto"
    pair = from_checkpoint.export(
        trained, made.data, name=None, golden=2, tolerance=1e-4, kept=0.95, temperature=1.0,
        coverage=0.99,
    )  # fmt: skip
    assert b'"train.augmentation":"auto"' in pair.model.replace(b" ", b"")
    assert made.plain()["kind_of_data"] == "grey"
