"""The Lightning script that everybody writes, to measure against."""

import gzip
import shutil
from pathlib import Path

import lightning
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody reads
from torch.utils.data import DataLoader
from torchvision import transforms

Sample = tuple[Tensor, int]
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")  # fmt: skip


class UsualScript(lightning.LightningModule):
    """LeNet without batch norm, Adam, a loss and an accuracy logged every step."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
        )  # fmt: skip

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:  # noqa: ARG002 - Lightning's signature
        images, labels = batch
        logits = self.net(images)
        loss = F.cross_entropy(logits, labels)
        self.log("train_loss", loss, prog_bar=True)
        self.log("train_accuracy", (logits.argmax(dim=1) == labels).float().mean(), prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.001)


def mnist(folder: Path, scratch: Path, *, train: bool) -> torchvision.datasets.MNIST:
    """Open MNIST; its .gz files lie in `folder` or below it, and are unpacked to `scratch`."""
    raw = scratch / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        found = next(iter(sorted(folder.rglob(f"{name}.gz"))), None)
        if found is None:
            raise FileNotFoundError(
                f"{name}.gz is not below {folder}: run `dvc repro fetch`, or name the folder "
                "with MNIST's four .gz files by --mnist"
            )
        if not (raw / name).exists():
            with gzip.open(found) as packed, (raw / name).open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
    usual = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    return torchvision.datasets.MNIST(scratch, train=train, transform=usual)


def usual_loader(
    data: torchvision.datasets.MNIST, *, images: int, batch_size: int, workers: int
) -> "DataLoader[Sample]":
    part = torch.utils.data.Subset(data, range(images))
    return DataLoader(
        part,
        batch_size=batch_size,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
    )
