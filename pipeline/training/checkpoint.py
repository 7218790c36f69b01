"""models/model.ckpt: a Lightning checkpoint whose bytes are a function of its content.

Lightning's own holds folder names and loop state, and `torch.save` writes the file's stem into
every record; this one holds weights and hyperparameters alone, and goes through a buffer.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import lightning
import torch

from contract import files
from pipeline.errors import PipelineError

ORIGIN = "origin"


class CheckpointError(PipelineError, ValueError):
    """The file is no checkpoint of this pipeline."""


@dataclass(frozen=True)
class Origin:
    """What the weights were made from: hashes of the parameters and of the data."""

    params_sha256: str
    data_sha256: str


def write(path: Path, module: lightning.LightningModule, origin: Origin) -> None:
    """Write what `load_from_checkpoint` needs, and `origin`."""
    content = {
        "state_dict": {key: value.cpu().clone() for key, value in module.state_dict().items()},
        "hyper_parameters": dict(module.hparams),
        "pytorch-lightning_version": lightning.__version__,
        ORIGIN: {"params_sha256": origin.params_sha256, "data_sha256": origin.data_sha256},
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    files.write_bytes(path, buffer.getvalue())


def read_origin(path: Path) -> Origin:
    """Raises CheckpointError where the file was not made by `write`."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return Origin(**content[ORIGIN])
    except (OSError, EOFError, RuntimeError, UnpicklingError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path} is not a checkpoint that the train stage wrote "
            f"({type(error).__name__}); run `dvc repro`"
        ) from error
