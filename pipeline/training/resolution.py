"""What `auto` comes to: the values of a recipe, by the kind of data and of net.

Numbers are those of this project's measured recipes where there are any (docs/results.md), else the
usual ones of the papers named beside them.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from pipeline import config
from pipeline.data.arrays import Dataset
from pipeline.data.kinds import Kind, kind_of

AUTO = "auto"
SMALL = 64  # px; above, what matters in a photo may be a part of it
# nets that Muon is not for: of patches, and of wide matrices without batch normalisation
FOR_ADAMW = (
    "alexnet", "vgg", "zfnet", "squeezenet", "vit", "swin", "maxvit", "convnext", "timm/vit",
    "timm/deit", "timm/swin", "timm/maxvit", "timm/convnext", "timm/beit", "timm/eva",
)  # fmt: skip
MUON, MUON_REST = 0.02, 0.003  # of params.yaml, for MNIST and LeNet
ADAMW, FINE_TUNING = 0.001, 0.0004  # at 256 images a step; with fewer by the square root
BATCH = 256
STILL: dict[str, Any] = {
    "rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "elastic": 0.0, "border": "black",
    "mirror": "none", "crop": 1.0, "trivial": False, "colour": 0.0, "grey": 0.0, "erase": 0.0,
    "mixup": 0.0, "cutmix": 0.0,
}  # fmt: skip


def resolve(model: config.Model, train: config.Train, dataset: Dataset) -> config.Resolved:
    """Put a value in the place of every auto; a number that is given stays."""
    asked: dict[str, Any] = msgspec.to_builtins(train)
    if train.augmentation == AUTO:
        asked |= dict.fromkeys(STILL, AUTO)
    elif train.augmentation == "none":
        asked |= STILL
    asked["augmentation"] = "given"
    fitting = augmentation(kind_of(dataset), max(dataset.image_shape[1:]))
    fitting["optimizer"] = optimizer(model)
    chosen = fitting["optimizer"] if train.optimizer == AUTO else train.optimizer
    fitting |= rates(chosen, train.batch_size, starts=bool(model.pretrained or model.weights))
    resolved = {
        key: fitting[key] if value == AUTO and key in fitting else value
        for key, value in asked.items()
    }
    return config.parse(resolved, config.Resolved, source="the recipe that auto comes to")


def augmentation(kind: Kind, side: int) -> dict[str, Any]:
    """Of pictures with this longer side, px."""
    if kind == "digits":
        bent = {"rotation": 10.0, "scale": 0.1, "shear": 0.15, "shift": side / 14, "elastic": 0.5}
        return {**STILL, **bent}
    if kind == "grey":  # no mirror: nobody knows whether they are letters
        return {**STILL, "border": "reflect", "rotation": 5.0, "scale": 0.1, "shift": side / 16}
    photos = {**STILL, "border": "reflect"}
    if side <= SMALL:  # Jordan 2024, airbench: mirrored in turn, shifted by some px
        return {**photos, "mirror": "alternating", "shift": float(max(1, side // 16))}
    # He et al. 2016 and after: a part of the photo, mirrored, its colours changed
    return {**photos, "mirror": "random", "crop": 0.35, "colour": 0.3, "erase": 0.1}


def optimizer(model: config.Model) -> str:
    """Muon, but for nets that start from weights, of patches, or with wide matrices."""
    starts = model.pretrained or model.weights
    return "adamw" if starts or model.name.startswith(FOR_ADAMW) else "muon"


def rates(optimizer: str, batch_size: int, *, starts: bool) -> Mapping[str, float]:
    """Peaks of the learning rates; `starts`: from weights, which large steps would undo."""
    part = min(1.0, (batch_size / BATCH) ** 0.5)
    adamw = round((FINE_TUNING if starts else ADAMW) * part, 6)
    if optimizer == "muon":
        factor = 0.1 if starts else 1.0
        return {"learning_rate": MUON * factor, "adamw_learning_rate": MUON_REST * factor}
    if optimizer == "sgd":  # Goyal et al. 2017: 0.1 at 256 images, in proportion to them
        rate = 0.1 * batch_size / BATCH * (0.1 if starts else 1.0)
        return {"learning_rate": rate, "adamw_learning_rate": adamw}
    return {"learning_rate": adamw, "adamw_learning_rate": adamw}
