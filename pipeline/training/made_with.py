"""What a training's bytes depend on beside its parameters, data and code: versions and device."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from lightning.pytorch.accelerators import CUDAAccelerator, MPSAccelerator

from pipeline.tracking import git

if TYPE_CHECKING:
    from pipeline.config import Train

PACKAGES = ("torch", "torchvision", "lightning")
MADE_WITH = "made_with"  # in metrics/train.json


def parts(train: "Train") -> dict[str, str]:
    """Return the installed versions of PACKAGES, the kind of device, and its numbers."""
    versions = {name: version(name) for name in PACKAGES}
    return {**versions, "device": device(train), "precision": train.precision}


def sentence(train: "Train") -> str:
    return ", ".join(f"{name} {value}" for name, value in parts(train).items())


def device(train: "Train") -> str:
    """Return the device by the kind that decides how sums are ordered, e.g. `cpu AVX2`."""
    if train.accelerator != "cpu":
        if CUDAAccelerator.is_available():
            return f"cuda {torch.cuda.get_device_name()}"
        if MPSAccelerator.is_available():
            return "mps"
    return f"cpu {torch.backends.cpu.get_cpu_capability()}"


def torch_device(train: "Train") -> torch.device:
    return torch.device(device(train).partition(" ")[0])


def warning(metrics: Path, train: "Train") -> str | None:
    """Return a line where the committed model, that of dvc.lock, was made with something else.

    None where it was not, or where nothing that says so is committed.
    """
    committed = git.committed(metrics)
    before = json.loads(committed).get(MADE_WITH) if committed else None
    now = sentence(train)
    if before is None or before == now:
        return None
    return (
        f"note: the committed model was made with {before}; here it is {now}: "
        "the same parameters may give other weights"
    )
