"""The first epochs of a fine-tuning: the head alone learns, the backbone stays as it came."""

from torch import nn

from pipeline.nets.head import is_of, needed_head


class Freezing:
    """Keeps all but the head as they are in the first `epochs` epochs.

    Frozen layers run as in evaluation: their batch norm keeps its statistics, and nothing is
    dropped. `shared`: other processes train along, so that gradients must be made all the same
    and are dropped before the update.
    """

    def __init__(self, net: nn.Module, classes: int, *, epochs: int, shared: bool) -> None:
        self.net, self.epochs, self.shared = net, epochs, shared
        self.frozen = False
        self.head = needed_head(net, classes, key="train.freeze") if epochs else ""
        self.backbone = [
            weight for name, weight in net.named_parameters() if not is_of(name, self.head)
        ]

    def begin(self, epoch: int) -> None:
        """Freeze or thaw for epoch `epoch`, from 0."""
        if not self.epochs:
            return
        self.frozen = epoch < self.epochs
        for weight in self.backbone:
            weight.requires_grad_(self.shared or not self.frozen)
        self.set_mode()

    def set_mode(self) -> None:
        """Set every layer to training, or to what it is while frozen."""
        self.net.train(not self.frozen)
        if self.frozen:
            self.net.get_submodule(self.head).train()

    def drop_gradients(self) -> None:
        if self.frozen and self.shared:
            for weight in self.backbone:
                weight.grad = None
