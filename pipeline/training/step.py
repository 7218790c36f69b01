"""One optimisation step on one mini-batch: distort, forward, backward, update, average."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pipeline.training.augment import Augmentation, Distorter, seeded
from pipeline.training.averaging import Averaging
from pipeline.training.batches import Chunk
from pipeline.training.losses import loss
from pipeline.training.schedules import fraction

if TYPE_CHECKING:
    from pipeline.config import Train


class Stepper:
    """Runs a recipe on a net; nothing here waits for the device.

    Which distortion an image gets depends on (seed, epoch, chunk, process) alone, and the learning
    rate on the step's number alone: a training that was interrupted goes on as if it had not been.
    """

    def __init__(
        self,
        net: nn.Module,
        recipe: "Train",
        *,
        size: tuple[int, int],  # px, height and width of the images
        steps: int,  # of the whole training
        device: torch.device,
    ) -> None:
        self.net, self.recipe, self.steps, self.device = net, recipe, steps, device
        how = augmentation(recipe)
        height, width = size
        self.distorter = (
            Distorter(how, height=height, width=width, device=device) if how.on else None
        )
        self.averaging = Averaging(net, decay=recipe.averaging) if recipe.averaging else None
        self.loss_sum = torch.zeros((), device=device)

    def error(self, images: Tensor, coefficients: Tensor | None, labels: Tensor) -> Tensor:
        """Return the loss of a mini-batch, distorted as `coefficients` say; count it in."""
        if self.distorter and coefficients is not None:
            images = self.distorter.distort(images, coefficients)
        recipe = self.recipe
        error = loss(recipe.loss, self.net(images), labels, label_smoothing=recipe.label_smoothing)
        self.loss_sum.add_(error.detach().float(), alpha=len(labels))
        return error

    def draw(self, images: int, *numbers: int) -> Tensor | None:
        """Return the distortions of so many images, the same whenever the numbers are."""
        if self.distorter is None:
            return None
        return self.distorter.draw(images, seeded(self.recipe.seed, *numbers, device=self.device))

    def set_learning_rate(self, optimizer: torch.optim.Optimizer, step: int) -> float:
        """Set every group to its part of the peak; return the first group's."""
        recipe = self.recipe
        part = fraction(
            recipe.schedule, step, steps=self.steps, warmup_fraction=recipe.warmup_fraction
        )
        for group in optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(group["peak"] * part)
            else:
                group["lr"] = group["peak"] * part
        return float(optimizer.param_groups[0]["peak"] * part)

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Return what the averaged net answers in evaluation mode."""
        self.net.eval()
        with self.averaging.applied() if self.averaging else nullcontext():
            answered: Tensor = self.net(images).float().softmax(dim=1)
        self.net.train()
        return answered

    def statistics(self) -> list[Tensor]:
        """Return the net's buffers and their averages, to be changed in place."""
        averaged = self.averaging.buffers_of(self.net) if self.averaging else []
        return [*self.net.buffers(), *averaged]

    def run(
        self,
        chunk: Chunk,
        coefficients: Tensor | None,
        first_step: int,
        update: Callable[[Tensor, Tensor | None, Tensor, int], None],
    ) -> None:
        """Call `update(images, coefficients, labels, step)` for each mini-batch, then average."""
        images: Sequence[Tensor] = torch.split(chunk.images, chunk.sizes)
        labels: Sequence[Tensor] = torch.split(chunk.labels, chunk.sizes)
        drawn: Sequence[Tensor | None] = [None] * len(images)
        if coefficients is not None:
            drawn = torch.split(coefficients, chunk.sizes)
        for place, batch in enumerate(zip(images, drawn, labels, strict=True)):
            update(*batch, first_step + place)
            if self.averaging:
                self.averaging.update(first_step + place)


def augmentation(recipe: "Train") -> Augmentation:
    return Augmentation(
        rotation=recipe.rotation,
        scale=recipe.scale,
        shear=recipe.shear,
        shift=recipe.shift,
        elastic=recipe.elastic,
    )
