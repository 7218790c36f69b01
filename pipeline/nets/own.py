"""One's own net by `mynets.MODULE:FUNCTION`: called as `build(channels, classes)`."""

import sys
from importlib import import_module

import torch
from torch import Tensor, nn

from pipeline import net_names
from pipeline.nets.errors import NetError

TRIED = 2  # images


def build(name: str, channels: int, classes: int, sides: tuple[int, int]) -> nn.Module:
    """Call it, and try it: float images (N, C, H, W) in, logits (N, classes) out.

    Raises NetError where there is no such function or it gives something else. An error inside the
    function is its own, with its traceback.
    """
    module, _, function = name.partition(":")
    try:
        found = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(net_names.OWN_FOLDER):
            raise
        raise NetError(f"model.name {name!r}: there is no {module.replace('.', '/')}.py") from None
    except AttributeError:
        raise NetError(f"model.name {name!r}: {module} has no function {function}") from None
    net = found(channels, classes)
    if not isinstance(net, nn.Module):
        raise NetError(
            f"model.name {name!r} gives {type(net).__name__}: a torch.nn.Module is needed"
        )
    _try(name, net, (channels, *sides), classes)
    return net


@torch.no_grad()
def _try(name: str, net: nn.Module, image_shape: tuple[int, ...], classes: int) -> None:
    weights = next(net.parameters(), None)
    if weights is not None and weights.is_meta:
        return
    images = torch.rand(TRIED, *image_shape, generator=torch.Generator().manual_seed(0))
    found: Tensor = net.eval()(images)
    net.train()
    if tuple(found.shape) != (TRIED, classes):
        raise NetError(
            f"model.name {name!r} makes {list(found.shape)} of images {list(images.shape)}: "
            f"logits [{TRIED}, {classes}] are needed, one for each class"
        )
    if (found >= 0).all() and torch.allclose(found.sum(dim=1), torch.ones(TRIED), atol=1e-4):
        sys.stderr.write(
            f"warning: what {name} gives adds up to 1, as after a softmax. Training and export "
            "apply one to its output: return the logits before it\n"
        )
