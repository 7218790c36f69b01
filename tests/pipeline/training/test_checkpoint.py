"""The checkpoint's bytes depend on its content alone, and Lightning can load it."""

from pathlib import Path

import lightning
import pytest
import torch

from pipeline.training import checkpoint

ORIGIN = checkpoint.Origin(params_sha256="p", data_sha256="d")


class Net(lightning.LightningModule):
    """A module with one hyperparameter."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.save_hyperparameters()
        torch.manual_seed(units)
        self.layer = torch.nn.Linear(units, 2)


def test_bytes_do_not_name_the_folder(tmp_path: Path) -> None:
    """Two folders, two file names: equal bytes."""
    one, two = tmp_path / "a" / "model.ckpt", tmp_path / "bb" / "other.ckpt"
    checkpoint.write(one, Net(3), ORIGIN)
    checkpoint.write(two, Net(3), ORIGIN)
    assert one.read_bytes() == two.read_bytes()
    checkpoint.write(two, Net(4), ORIGIN)
    assert one.read_bytes() != two.read_bytes()


def test_lightning_loads_it(tmp_path: Path) -> None:
    """`load_from_checkpoint` rebuilds the module from its hyperparameters and weights."""
    path = tmp_path / "model.ckpt"
    written = Net(3)
    checkpoint.write(path, written, ORIGIN)
    loaded = Net.load_from_checkpoint(path, weights_only=True)
    assert torch.equal(loaded.layer.weight, written.layer.weight)
    assert checkpoint.read_origin(path) == ORIGIN


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_other_files_are_refused(tmp_path: Path, content: bytes | None) -> None:
    """Missing, torn or foreign: an error that names the file and the way out."""
    path = tmp_path / "model.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(checkpoint.CheckpointError, match=r"model\.ckpt is not.*run `dvc repro`"):
        checkpoint.read_origin(path)


def test_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    """A checkpoint that torch can read and the train stage did not write."""
    path = tmp_path / "model.ckpt"
    torch.save({"state_dict": {}}, path)
    with pytest.raises(checkpoint.CheckpointError, match="KeyError"):
        checkpoint.read_origin(path)
