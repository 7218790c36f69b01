"""The sections of params.yaml, each a frozen type: a field is a key, with its range.

params.yaml says the units; a rule between two keys stands in `__post_init__`.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from pipeline import net_names

Count = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
Seed = Annotated[int, Meta(ge=0, lt=2**32)]
Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
LEAST_NORMED = 3  # images; batches are cut evenly, so the smallest then has two
Fraction = Annotated[float, Meta(ge=0, lt=1)]
WEIGHTS = r"^data/weights/[^/]+\.(pth|pt|ckpt|safetensors)$"
Auto = Literal["auto"]  # fitted to data and net: pipeline/training/resolution.py
Share = Annotated[float, Meta(ge=0, le=1)]
Area = Annotated[float, Meta(gt=0, le=1)]
Degrees = Annotated[float, Meta(ge=0, le=180)]
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"

DatasetName = Literal[
    "mnist", "fashion_mnist", "kmnist", "qmnist", "emnist", "cifar10", "digits", "folder"
]
EmnistSplit = Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"]
Nonlinearity = Literal["relu", "tanh", "sigmoid", "gelu", "silu"]
Pooling = Literal["max", "average", "sum"]
VariantName = Literal["fp32", "int8"]


class Data(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    dataset: DatasetName
    offline_fallback: Literal["digits"] | None
    validation_fraction: Annotated[float, Meta(gt=0, le=0.5)]
    limit: Annotated[int, Meta(ge=10)] | None
    seed: Seed
    emnist_split: EmnistSplit
    folder_size: Annotated[int, Meta(ge=4, le=1024)]
    folder_colour: Literal["rgb", "grey"]
    folder_fit: Literal["squeeze", "crop", "pad"]
    folder_unreadable: Fraction
    allow_leak: bool
    name: Annotated[str, Meta(pattern=NAME)] | None
    feedback: bool

    def __post_init__(self) -> None:
        if self.name and self.dataset != "folder":
            raise ValueError(
                f"name {self.name!r} goes with the dataset folder, not {self.dataset}, which has "
                "a name: set it to null"
            )


class Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    pretrained: bool
    weights: Annotated[str, Meta(pattern=WEIGHTS)] | None
    small_input: bool
    canvas: Annotated[int, Meta(ge=1, le=1024)]
    filters: Annotated[tuple[Count, ...], Meta(min_length=1, max_length=8)]
    convolutions: Annotated[int, Meta(ge=1, le=8)]
    kernel: Count
    stride: Count
    padding: Natural
    nonlinearity: Nonlinearity
    pooling: Pooling
    hidden: tuple[Count, ...]
    batch_norm: bool

    def __post_init__(self) -> None:
        net_names.check(self.name)
        if self.pretrained:
            net_names.check_pretrained(self.name)
        if self.pretrained and self.weights:
            raise ValueError(
                f"weights {self.weights!r} and pretrained true are two starts: set one of them to "
                "null or false"
            )
        if self.small_input:
            net_names.check_small_input(self.name)
        if self.padding >= self.kernel:
            raise ValueError(
                f"padding {self.padding} is not smaller than the kernel {self.kernel}: "
                "the outermost values would see nothing but zeros; "
                f"allowed is 0 to {self.kernel - 1}"
            )


class Train(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As it is asked for; `Resolved` is what a training takes."""

    seed: Seed
    threads: Annotated[int, Meta(ge=1, le=256)]
    epochs: Count
    batch_size: Count
    optimizer: Literal["sgd", "adamw", "muon", "auto"]
    learning_rate: Positive | Auto
    adamw_learning_rate: Positive | Auto
    momentum: Fraction
    weight_decay: NonNegative
    schedule: Literal["constant", "cosine", "one_cycle"]
    warmup_fraction: Fraction
    loss: Literal["cross_entropy", "squared_error"]
    label_smoothing: Fraction
    balance: Literal["none", "weights", "sampling"]
    averaging: Fraction
    freeze: Natural
    backbone_learning_rate: Positive | None
    augmentation: Literal["given", "auto", "none"]
    rotation: Degrees | Auto
    scale: Fraction | Auto
    shear: Share | Auto
    shift: NonNegative | Auto
    elastic: NonNegative | Auto
    border: Literal["black", "reflect", "auto"]
    mirror: Literal["none", "random", "alternating", "auto"]
    crop: Area | Auto
    trivial: bool | Auto
    colour: Fraction | Auto
    grey: Share | Auto
    erase: Share | Auto
    mixup: NonNegative | Auto
    cutmix: NonNegative | Auto
    accelerator: Literal["auto", "cpu", "gpu"]
    devices: Count
    strategy: Literal["auto", "ddp"]
    num_nodes: Count
    precision: Literal["32-true", "bf16-mixed", "16-mixed", "auto"]
    compile: bool
    cuda_graph: bool
    deterministic: bool

    def __post_init__(self) -> None:
        if self.loss == "squared_error" and self.label_smoothing > 0:
            raise ValueError(
                f"label_smoothing {self.label_smoothing} goes with the loss cross_entropy, "
                "not squared_error: set it to 0.0"
            )
        if self.precision == "16-mixed" and self.accelerator == "cpu":
            raise ValueError("precision 16-mixed needs a GPU; on a CPU take 32-true or bf16-mixed")
        if self.precision == "auto" and self.devices * self.num_nodes > 1:
            raise ValueError(
                "precision auto is measured on one device; for several take 32-true or bf16-mixed"
            )


class Resolved(Train, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With a number where `Train` may say auto."""

    optimizer: Literal["sgd", "adamw", "muon"]
    learning_rate: Positive
    adamw_learning_rate: Positive
    augmentation: Literal["given"]
    rotation: Degrees
    scale: Fraction
    shear: Share
    shift: NonNegative
    elastic: NonNegative
    border: Literal["black", "reflect"]
    mirror: Literal["none", "random", "alternating"]
    crop: Area
    trivial: bool
    colour: Fraction
    grey: Share
    erase: Share
    mixup: NonNegative
    cutmix: NonNegative


class Export(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model_name: Annotated[str, Meta(pattern=NAME)] | None
    parity_tolerance: Annotated[float, Meta(gt=0, le=0.01)]
    golden_images: Annotated[int, Meta(ge=1, le=16)]
    kept: Annotated[float, Meta(ge=0.5, lt=1)]
    temperature: Literal["auto"] | Annotated[float, Meta(ge=0.05, le=20)]
    variants: Annotated[tuple[VariantName, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        given = list(self.variants)
        if "fp32" not in given or len(set(given)) < len(given):
            raise ValueError(
                f"variants {given!r} must name fp32, the model itself, and each variant once: "
                "[fp32] or [fp32, int8]"
            )


class Evaluate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    batch_size: Count
    calibration_bins: Annotated[int, Meta(ge=2, le=100)]
    mistakes: Annotated[int, Meta(ge=1, le=100)]
    coverage: Annotated[float, Meta(ge=0.5, le=0.9999)]
    foreign: Annotated[int, Meta(ge=10, le=10_000)]
    shift: Count
    rotation: Annotated[float, Meta(gt=0, le=180)]
    noise: Positive
    blur: Positive


class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    data: Data
    model: Model
    train: Train
    export: Export
    evaluate: Evaluate

    def __post_init__(self) -> None:
        if self.model.batch_norm and self.train.batch_size < LEAST_NORMED:
            raise ValueError(
                f"train.batch_size {self.train.batch_size} goes with model.batch_norm false: "
                f"its statistics need batches of {LEAST_NORMED} images or more"
            )
        if self.train.freeze and not (self.model.pretrained or self.model.weights):
            raise ValueError(
                f"train.freeze {self.train.freeze} goes with model.pretrained or model.weights: "
                "layers that nothing has trained are not worth keeping; set it to 0"
            )
