"""Serve one exported image classifier over HTTP: batched, in four dialects, without torch.

`Classifier` is the same model in Python, without a server.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.classifier import Classifier as Classifier

__version__ = "0.2.0"


def __getattr__(name: str) -> object:
    """Import `Classifier` on first use: the server's supervisor starts without onnxruntime."""
    if name == "Classifier":
        return import_module("serving.classifier").Classifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
