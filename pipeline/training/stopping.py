"""A signal that asks a training to stop: all its processes do so together, between two steps.

Lightning's own handlers save or wait for each other wherever the signal finds them, so that two
processes hang; these only remember it. What goes on later starts at the last epoch's end.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import lightning
from lightning.pytorch.callbacks import Callback

from contract.preemption import PREEMPTED, SIGNALS


class Stopping(Callback):
    """Ends the training by SystemExit at the step after one of its processes got a signal."""

    def __init__(self) -> None:
        self.received = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside, the signals are remembered, whatever the process is doing."""
        before = {number: signal.getsignal(number) for number in SIGNALS}
        self._listen()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_train_start(self, trainer: lightning.Trainer, *_: object) -> None:
        self._listen()  # in the place of the handlers that Lightning has just installed
        self._stop_together(trainer)

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        self._stop_together(trainer)

    def on_validation_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        self._stop_together(trainer)

    def _listen(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._remember)

    def _remember(self, *_: object) -> None:
        self.received = True

    def _stop_together(self, trainer: lightning.Trainer) -> None:
        asked = self.received
        if trainer.world_size > 1:
            asked = trainer.strategy.reduce_boolean_decision(asked, all=False)
        if not asked:
            return
        if trainer.is_global_zero:
            epoch = f"{trainer.current_epoch + 1} of {trainer.max_epochs}"
            print(f"stopped by a signal in epoch {epoch}", flush=True)  # noqa: T201
        # Lightning kills the first process where another ends with an error
        raise SystemExit(PREEMPTED if trainer.is_global_zero else 0)
