"""The LightningModule: any net of the zoo, trained by the parameters' recipe.

`training_step` below is all that happens to a mini-batch; docs/training.md walks through it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import lightning
import msgspec
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody reads

from pipeline.config import Model, Resolved, Scalar
from pipeline.nets import zoo
from pipeline.training import averaging, balance, graphs, optimizers, precision
from pipeline.training.augment import mixed, seeded
from pipeline.training.augmenter import Augmenter, Drawn
from pipeline.training.averaging import Averaging
from pipeline.training.batches import Batch, Batches, Chunk
from pipeline.training.freezing import Freezing
from pipeline.training.history import History
from pipeline.training.losses import loss
from pipeline.training.schedules import fraction

if TYPE_CHECKING:
    from lightning.pytorch.core.optimizer import LightningOptimizer

HISTORY = "history"
DROPOUT = 1  # after (seed, epoch, chunk, process): tells its numbers from the distortions'


class ImageClassifier(lightning.LightningModule):
    """uint8 images (N, C, H, W) → logits (N, classes).

    `model` and `train` are these sections of params.yaml as plain dicts: they travel in the
    checkpoint, which `load_from_checkpoint` reads without any class of ours. Raises
    msgspec.ValidationError where they are not what this release takes. With `starts` the net begins
    with the weights that `model` asks for, if any. `asked` are values as params.yaml had them, by
    dotted keys, where they are not these: auto. The weights in every checkpoint are the averaged
    ones, where `averaging` is on.
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
        starts: bool = False,
        asked: Mapping[str, Scalar] | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.hparams["asked"] = dict(asked or {})
        self.hparams["starts"] = False  # a checkpoint has weights of its own
        self.automatic_optimization = False
        self.recipe = msgspec.convert(train, Resolved)
        self.image_shape, self.classes = tuple(image_shape), classes
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            net = zoo.build(
                msgspec.convert(model, Model),
                image_shape=image_shape, classes=classes, mean=mean, std=std, starts=starts,
            )  # fmt: skip
        self.net = net.to(memory_format=torch.channels_last)
        self.history = History()
        self.averaging: Averaging | None = None
        self.class_weights: Tensor | None = None
        self.kept_average: dict[str, Tensor] = {}  # of the checkpoint that training goes on from

    def forward(self, images: Tensor) -> Tensor:
        return cast("Tensor", self.net(images))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return optimizers.build(self.net, self.recipe, classes=self.classes)

    # One training step

    def training_step(self, chunk: Chunk, batch_idx: int) -> None:
        """Take an optimization step on each mini-batch of the chunk, without waiting for a GPU.

        Random numbers depend on (seed, epoch, chunk, process) alone and the learning rate on the
        step's number alone: an interrupted training goes on as if it had not been.
        """
        place = (self.current_epoch, batch_idx, self.global_rank)
        torch.manual_seed(mixed(self.recipe.seed, *place, DROPOUT))
        drawn = Drawn()
        if self.augmenter.on:
            generator = seeded(self.recipe.seed, *place, device=self.device)
            drawn = self.augmenter.draw(chunk.places, generator, epoch=self.current_epoch)
        plan = self._batches.plan
        first = self.current_epoch * plan.steps + batch_idx * plan.per_chunk
        for number, batch in enumerate(chunk.mini_batches(drawn), start=first):
            self._set_learning_rate(number)
            self.update(batch)
            if self.averaging:
                self.averaging.update(number)
        if batch_idx + 1 == plan.chunks:
            self._log_epoch()

    def step(self, batch: Batch) -> None:
        """Augment, forward, loss, backward, update."""
        optimizer = cast("LightningOptimizer", self.optimizers())
        error = self.error(batch)
        optimizer.zero_grad()
        self.manual_backward(error)
        self.freezing.drop_gradients()
        optimizer.step()

    def error(self, batch: Batch) -> Tensor:
        """Return the mean loss of a mini-batch, and count it in."""
        recipe = self.recipe
        images, shares = self.augmenter.apply(batch.images, batch.drawn)
        with precision.region(recipe.precision, self.device):
            logits = self.net(images)
            smoothing = recipe.label_smoothing
            error = loss(
                recipe.loss,
                logits,
                batch.labels,
                label_smoothing=smoothing,
                weights=self.class_weights,
                shares=shares,
            )
        self.loss_sum.add_(error.detach().float(), alpha=len(batch.labels))
        return error

    def _set_learning_rate(self, number: int) -> None:
        recipe, optimizer = self.recipe, cast("LightningOptimizer", self.optimizers())
        part = fraction(
            recipe.schedule, number, steps=self.steps, warmup_fraction=recipe.warmup_fraction
        )
        self.learning_rate = optimizers.set_learning_rate(optimizer.optimizer, part)

    # Around the steps

    def on_fit_start(self) -> None:
        layout = precision.layout(self.device)
        if layout != torch.channels_last and self.global_rank == 0:
            print(f"{self.device}: the net is trained in the plain order of channels", flush=True)  # noqa: T201
        self.net.to(memory_format=layout)
        if self.recipe.compile:
            self.net.compile()

    def on_train_start(self) -> None:
        recipe = self.recipe
        self.augmenter = Augmenter(recipe, self.image_shape, self.device)
        self.averaging = Averaging(self.net, decay=recipe.averaging) if recipe.averaging else None
        if self.averaging and self.kept_average:
            self.averaging.restore(self.kept_average)
        self.steps = self._batches.plan.steps * recipe.epochs
        self.loss_sum = torch.zeros((), device=self.device)
        if recipe.balance == "weights":
            labels = self.trainer.datamodule.train.labels  # type: ignore[attr-defined]  # fit sets it
            self.class_weights = balance.weights(labels, self.classes).to(self.device)
        shared = self.trainer.world_size > 1
        epochs = recipe.freeze
        self.freezing = Freezing(self.net, self.classes, epochs=epochs, shared=shared)
        self.update = graphs.captured(self) if graphs.suits(self) else self.step
        if not self.history.probabilities:
            self._remember_predictions()

    def on_train_epoch_start(self) -> None:
        self.loss_sum.zero_()
        self.freezing.begin(self.current_epoch)

    def _log_epoch(self) -> None:
        """Log the epoch's loss; give all processes the mean of their batch norm statistics."""
        if self.trainer.world_size > 1:
            averaged = self.averaging.buffers_of(self.net) if self.averaging else []
            for statistic in [*self.net.buffers(), *averaged]:
                statistic.copy_(self.trainer.strategy.reduce(statistic.clone(), reduce_op="mean"))
        train_loss = self._over_processes(self.loss_sum.clone()) / self._batches.plan.images
        logged: dict[str, Any] = {"train_loss": train_loss, "learning_rate": self.learning_rate}
        self.log_dict(logged, on_step=False, on_epoch=True, sync_dist=True, batch_size=1)

    def on_validation_epoch_start(self) -> None:
        self._swap()
        self.totals = torch.zeros(3, device=self.device)  # loss, correct, images

    def validation_step(self, chunk: Chunk, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's signature
        logits = self._logits(chunk.images)
        error = F.cross_entropy(logits, chunk.labels, reduction="sum")
        correct = (logits.argmax(dim=1) == chunk.labels).sum()
        self.totals += torch.stack([error, correct, torch.full_like(error, len(chunk.labels))])

    def on_validation_epoch_end(self) -> None:
        self._swap()
        error, correct, images = self._over_processes(self.totals)
        self.log("val_loss", error / images, sync_dist=True)
        self.log("val_accuracy", correct / images, sync_dist=True, prog_bar=True)

    def on_train_epoch_end(self) -> None:
        self._remember_predictions()
        self.history.add(self.current_epoch + 1, self.trainer.callback_metrics, self.learning_rate)

    def on_train_end(self) -> None:
        """From here on the net is the averaged one."""
        self._swap()
        self.averaging = None
        del self.update  # it refers back to this module

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[HISTORY] = self.history.state()
        if self.averaging:
            self.averaging.put_into(checkpoint)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.history.restore(checkpoint.get(HISTORY, {}))
        if self._trainer is not None:  # to train on, not only to use
            self.kept_average = averaging.take_out_of(checkpoint)

    @property
    def _batches(self) -> Batches:
        return cast("Batches", self.trainer.train_dataloader)

    def _logits(self, images: Tensor) -> Tensor:
        """Return the logits (N, classes) float32."""
        with precision.region(self.recipe.precision, self.device):
            return cast("Tensor", self.net(images)).float()

    def _swap(self) -> None:
        """Put the averaged weights in the place of the trained ones, or back."""
        if self.averaging:
            self.averaging.swap()

    def _over_processes(self, total: Tensor) -> Tensor:
        return cast("Tensor", self.trainer.strategy.reduce(total, reduce_op="sum"))

    @torch.no_grad()
    def _remember_predictions(self) -> None:
        """Add what the net, averaged so far, says of the replay's images."""
        split = self.trainer.datamodule.val  # type: ignore[attr-defined]  # ArraysDataModule's
        images = self.history.choose(split, self.classes).to(self.device)
        self.net.eval()
        self._swap()
        self.history.probabilities.append(self._logits(images).softmax(dim=1).tolist())
        self._swap()
        self.freezing.set_mode()
