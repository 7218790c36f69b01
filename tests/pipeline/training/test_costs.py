"""What a training takes is known before it, and what cannot fit is refused."""

import re
from pathlib import Path
from typing import Any

import lightning
import msgspec
import pytest
import torch

from pipeline import config
from pipeline.training import costs
from pipeline.training.classifier import ImageClassifier

PARAMS = config.load(Path(__file__).parents[3] / "params.yaml")
CPU = torch.device("cpu")


def classifier(name: str = "lenet", side: int = 28, **train: Any) -> ImageClassifier:  # noqa: ANN401 - any field of Train
    return ImageClassifier(
        model=msgspec.to_builtins(PARAMS.model) | {"name": name},
        train=msgspec.to_builtins(msgspec.structs.replace(PARAMS.train, **train)),
        image_shape=[3, side, side], classes=10, mean=[0.5] * 3, std=[0.3] * 3,
    )  # fmt: skip


def test_memory_of_lenet_by_hand() -> None:
    """Weights four times and the optimizer's state; the maps of each image."""
    module = classifier(averaging=0.9, optimizer="adamw")
    weights = sum(weight.numel() for weight in module.net.parameters())
    found = costs.memory(module)
    assert found.fixed == pytest.approx(costs.SCRATCH * 4 * weights * (4 + 2), abs=1)
    first_maps = costs.SCRATCH * 4 * 6 * 28 * 28  # what the first convolution makes
    assert first_maps < found.per_image < 8 * first_maps
    assert found.of(100) - found.of(50) == 50 * found.per_image


def test_memory_grows_with_the_pixels() -> None:
    """Four times as many for sides twice as long."""
    small, large = (costs.memory(classifier("resnet18", side)).per_image for side in (64, 128))
    assert 3.5 < large / small < 4.5


def test_what_cannot_fit_is_refused() -> None:
    """One line: what was given, what it takes, what there is, and what fits."""
    module = classifier("resnet18", 64, batch_size=4096)
    room = costs.memory(module).of(300)
    with pytest.raises(costs.CostError, match=r"batch_size is 4096: a step of resnet18") as raised:
        costs.refuse_what_cannot_fit(module, room)
    assert "take a batch_size of at most 300" in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    with pytest.raises(costs.CostError, match="smaller pictures or another net"):
        costs.refuse_what_cannot_fit(module, 1000)


def test_the_line_before_a_training(tmp_path: Path) -> None:
    """It names the net, its weights, memory, steps and time, and leaves the net as it was."""
    module = classifier()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    trainer = lightning.Trainer(
        accelerator="cpu", devices=1, default_root_dir=tmp_path, logger=False,
        enable_checkpointing=False, enable_progress_bar=False,
    )  # fmt: skip
    line = costs.check(module, trainer, images=1000)
    assert re.fullmatch(
        r"lenet: 62,\d+ parameters; a step takes about \d+ MiB, 20 epochs of 4 steps "
        r"about .* on cpu",
        line,
    )
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_precision_auto_is_measured() -> None:
    """The faster of the two by a clear margin, said with the ratio that decided."""
    chosen, line = costs.faster_precision(classifier(batch_size=16), CPU)
    found = re.fullmatch(rf"precision: {chosen}; bf16-mixed takes (\S+) times .* on cpu", line)
    assert found
    assert (chosen == "bf16-mixed") == (float(found[1]) < costs.CLEARLY)


def test_spoken() -> None:
    """In the unit of which there are at least two."""
    lengths = [costs.spoken(seconds) for seconds in (40.2, 119, 720, 18_000, 270_000)]
    assert lengths == ["40 s", "119 s", "12 min", "5.0 h", "3.1 days"]
