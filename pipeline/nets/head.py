"""The head of a net: the layer that scores the classes; all before it is the backbone."""

from torch import nn

from pipeline.nets.errors import NetError


def head_of(net: nn.Module, classes: int) -> str | None:
    """Return the name of the last layer with as many outputs as there are classes."""
    found = [
        name
        for name, module in net.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d) and len(module.weight) == classes
    ]
    return found[-1] if found else None


def needed_head(net: nn.Module, classes: int, *, key: str) -> str:
    """Raises NetError, which names the parameter `key` that needs a head."""
    head = head_of(net, classes)
    if head is None:
        raise NetError(
            f"{key} needs a last layer that scores {classes} classes, nn.Linear or nn.Conv2d, and "
            "this net has none"
        )
    return head


def is_of(name: str, head: str) -> bool:
    """Whether a parameter or module by that name belongs to the head."""
    return name == head or name.startswith(f"{head}.")
