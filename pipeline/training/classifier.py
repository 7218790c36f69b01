"""The LightningModule: any net of the zoo, trained by the parameters' recipe.

Optimization is manual, and a `training_step` takes several mini-batches: what Lightning does
around a step costs more than a step of a small net.
"""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import lightning
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody reads

from pipeline.nets import zoo
from pipeline.nets.graphs import Graphs, lr_on_device
from pipeline.training import optimizers
from pipeline.training.batches import Batches, Chunk
from pipeline.training.history import History
from pipeline.training.step import Stepper

if TYPE_CHECKING:
    from lightning.pytorch.core.optimizer import LightningOptimizer

    from pipeline.config import Model, Train

TRAINED = "trained_state"  # in a checkpoint: the weights that training goes on from
HISTORY = "history"
PREFIX = "net."


class ImageClassifier(lightning.LightningModule):
    """uint8 images (N, C, H, W) → logits (N, classes).

    `model` and `train` are these sections of params.yaml as plain dicts: they travel in the
    checkpoint, which `load_from_checkpoint` reads without any class of ours. The weights in every
    checkpoint are the averaged ones, where `averaging` is on.
    """

    def __init__(  # noqa: PLR0913 - each one is needed to build the net, and saved
        self,
        *,
        model: Mapping[str, Any],
        train: Mapping[str, Any],
        image_shape: Sequence[int],
        classes: int,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.hparams["model"] = {**model, "pretrained": False}  # a checkpoint has its own weights
        self.automatic_optimization = False
        self.recipe = cast("Train", SimpleNamespace(**train))
        self.image_shape, self.classes = tuple(image_shape), classes
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            net = zoo.build(
                cast("Model", SimpleNamespace(**model)),
                image_shape=image_shape, classes=classes, mean=mean, std=std,
            )  # fmt: skip
        self.net = net.to(memory_format=torch.channels_last)
        self.history = History()
        self._stepper: Stepper | None = None
        self._graphs: Graphs | None = None
        self._average: dict[str, Tensor] = {}
        self._learning_rate = 0.0

    def forward(self, images: Tensor) -> Tensor:
        return cast("Tensor", self.net(images))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return optimizers.build(self.net, self.recipe)

    def on_fit_start(self) -> None:
        if self.recipe.compile:
            self.net.compile()

    def on_train_start(self) -> None:
        height, width = self.image_shape[1:]
        self._stepper = Stepper(
            self.net,
            self.recipe,
            size=(height, width),
            steps=self._steps_per_epoch * self.recipe.epochs,
            device=self.device,
        )
        self._graphs = self._capturing(self._stepper)
        if self._average and self._stepper.averaging:
            self._stepper.averaging.restore(self._average)
        if not self.history.probabilities:
            self._remember_predictions()

    def on_train_epoch_start(self) -> None:
        self.stepper.loss_sum.zero_()

    def training_step(self, chunk: Chunk, batch_idx: int) -> None:
        coefficients = self.stepper.draw(
            len(chunk.images), self.current_epoch, batch_idx, self.global_rank
        )
        first = (
            self.current_epoch * self._steps_per_epoch + batch_idx * self._batches.plan.per_chunk
        )
        self.stepper.run(chunk, coefficients, first, self._update)
        if batch_idx + 1 == self._batches.plan.chunks:
            self._share_statistics()
            loss_sum = self._over_processes(self.stepper.loss_sum.clone())
            self.log_dict(
                {
                    "train_loss": loss_sum / self._batches.plan.images,
                    "learning_rate": self._learning_rate,
                },
                on_step=False,
                on_epoch=True,
                sync_dist=True,
                batch_size=1,
            )

    def _capturing(self, stepper: Stepper) -> Graphs | None:
        """Return CUDA graphs where they can be had: one GPU, no loss scaling, not compiled."""
        recipe = self.recipe
        alone = self.device.type == "cuda" and self.trainer.world_size == 1
        if not (recipe.cuda_graph and alone) or recipe.compile or recipe.precision == "16-mixed":
            return None
        optimizer = cast("LightningOptimizer", self.optimizers()).optimizer
        lr_on_device(optimizer, self.device)

        def work(images: Tensor, coefficients: Tensor | None, labels: Tensor) -> None:
            error = stepper.error(images, coefficients, labels)
            optimizer.zero_grad()
            torch.autograd.backward(error)
            optimizer.step()

        return Graphs(work, optimizer)

    def _update(
        self, images: Tensor, coefficients: Tensor | None, labels: Tensor, step: int
    ) -> None:
        optimizer = cast("LightningOptimizer", self.optimizers())
        if self._graphs:
            self._learning_rate = self.stepper.set_learning_rate(optimizer.optimizer, step)
            optimizer._on_before_step()  # noqa: SLF001 - Lightning counts steps there
            self._graphs.run(images, coefficients, labels)
            optimizer._on_after_step()  # noqa: SLF001
            return
        error = self.stepper.error(images, coefficients, labels)
        optimizer.zero_grad()
        self.manual_backward(error)
        self._learning_rate = self.stepper.set_learning_rate(optimizer.optimizer, step)
        optimizer.step()

    def on_validation_epoch_start(self) -> None:
        self._swap()
        self._totals = torch.zeros(3, device=self.device)  # loss, correct, images

    def validation_step(self, chunk: Chunk, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's signature
        logits = self.net(chunk.images).float()
        error = F.cross_entropy(logits, chunk.labels, reduction="sum")
        correct = (logits.argmax(dim=1) == chunk.labels).sum()
        self._totals += torch.stack([error, correct, torch.full_like(error, len(chunk.labels))])

    def on_validation_epoch_end(self) -> None:
        self._swap()
        error, correct, images = self._over_processes(self._totals)
        self.log("val_loss", error / images, sync_dist=True)
        self.log("val_accuracy", correct / images, sync_dist=True, prog_bar=True)

    def on_train_epoch_end(self) -> None:
        self._remember_predictions()
        metrics = self.trainer.callback_metrics
        self.history.curves.append(
            {
                "epoch": self.current_epoch + 1,
                "train_loss": float(metrics["train_loss"]),
                "val_loss": float(metrics["val_loss"]),
                "val_accuracy": float(metrics["val_accuracy"]),
                "learning_rate": self._learning_rate,
            }
        )

    def on_train_end(self) -> None:
        """From here on the net is the averaged one."""
        self._swap()
        self._stepper, self._graphs = None, None

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[HISTORY] = self.history.state()
        averaging = self._stepper.averaging if self._stepper else None
        if averaging:
            state = checkpoint["state_dict"]
            checkpoint[TRAINED] = {name: state[PREFIX + name] for name in averaging.live}
            checkpoint["state_dict"] = {
                **state, **{PREFIX + name: value for name, value in averaging.average.items()}
            }  # fmt: skip

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.history.restore(checkpoint.get(HISTORY, {}))
        trained = checkpoint.get(TRAINED)
        if self._trainer is None or not trained:  # loaded for use, not to train on
            return
        state = checkpoint["state_dict"]
        self._average = {name: state[PREFIX + name].clone() for name in trained}
        checkpoint["state_dict"] = {
            **state, **{PREFIX + name: value for name, value in trained.items()}
        }  # fmt: skip

    @property
    def stepper(self) -> Stepper:
        if self._stepper is None:
            raise RuntimeError("no training is under way: call Trainer.fit")
        return self._stepper

    @property
    def _batches(self) -> Batches:
        return cast("Batches", self.trainer.train_dataloader)

    @property
    def _steps_per_epoch(self) -> int:
        return self._batches.plan.steps

    def _swap(self) -> None:
        """Put the averaged weights in the place of the trained ones, or back."""
        if self._stepper and self._stepper.averaging:
            self._stepper.averaging.swap()

    def _share_statistics(self) -> None:
        """Give all processes the mean of their batch norm statistics; weights are equal."""
        if self.trainer.world_size > 1:
            for statistic in self.stepper.statistics():
                statistic.copy_(self.trainer.strategy.reduce(statistic.clone(), reduce_op="mean"))

    def _over_processes(self, total: Tensor) -> Tensor:
        return cast("Tensor", self.trainer.strategy.reduce(total, reduce_op="sum"))

    def _remember_predictions(self) -> None:
        """Add what the net, averaged so far, says of the replay's images."""
        split = self.trainer.datamodule.val  # type: ignore[attr-defined]  # ArraysDataModule's
        self.history.choose(split.labels, self.classes)
        images = torch.stack([torch.tensor(split.images[i]) for i in self.history.images])
        probabilities = self.stepper.probabilities(images.to(self.device))
        self.history.probabilities.append(probabilities.tolist())
