"""Optimizers by name: SGD with Nesterov, AdamW, and Muon for matrices and kernels."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pipeline.nets.head import needed_head

if TYPE_CHECKING:
    from pipeline.config import Resolved

BETAS = (0.9, 0.95)  # AdamW's, where Muon leaves parameters to it
EPS = 1e-8
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of Jordan 2024, Muon
NEWTON_SCHULZ_STEPS = 5
WIDEST = 2048  # the shorter side of a matrix that is orthogonalised: its cube is the price


def build(
    net: nn.Module, train: "Resolved", *, classes: int | None = None
) -> torch.optim.Optimizer:
    """Return the optimizer of `train`; each group keeps its peak learning rate under `peak`.

    `classes` tells the head, where `train.backbone_learning_rate` sets it apart. Raises NetError
    where there is none.
    """
    matrices, rest = split(net)
    groups: list[dict[str, Any]] = [
        {"params": matrices, "lr": train.learning_rate, "matrices": True},
        {"params": rest, "lr": train.adamw_learning_rate, "matrices": False},
    ]
    if train.optimizer != "muon":
        groups = decayed(net, train.weight_decay, rate=train.learning_rate)
    if train.backbone_learning_rate is not None and classes is not None:
        head = needed_head(net, classes, key="train.backbone_learning_rate")
        part = train.backbone_learning_rate / train.learning_rate
        groups = set_apart(groups, set(net.get_submodule(head).parameters()), part=part)
    if train.optimizer == "muon":
        optimizer: torch.optim.Optimizer = Muon(
            groups, momentum=train.momentum, weight_decay=train.weight_decay
        )
    elif train.optimizer == "adamw":
        optimizer = torch.optim.AdamW(
            groups,
            betas=(0.9, 0.99),
            fused=True,
            capturable=next(net.parameters()).is_cuda,
        )
    else:
        optimizer = torch.optim.SGD(
            groups,
            momentum=train.momentum,
            nesterov=train.momentum > 0,
            fused=not train.freeze,  # torch 2.15's cannot take layers in that begin later
        )
    for group in optimizer.param_groups:
        group["peak"] = group["lr"]
    return optimizer


def set_learning_rate(optimizer: torch.optim.Optimizer, part: float) -> float:
    """Set every group to this part of its peak; return the first group's."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):  # where a CUDA graph reads it
            group["lr"].fill_(group["peak"] * part)
        else:
            group["lr"] = group["peak"] * part
    return float(optimizer.param_groups[0]["peak"] * part)


def split(net: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Part the parameters: kernels and matrices, and the rest.

    With the rest go the output layer's matrix and those wider than WIDEST both ways: one step of
    the 25,088 x 4,096 of a VGG would be 10 TFLOP.
    """
    linears = [module for module in net.modules() if isinstance(module, nn.Linear)]
    output = {id(linears[-1].weight)} if linears else set()
    matrices: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for parameter in net.parameters():
        inner = parameter.ndim > 1 and id(parameter) not in output and not _is_wide(parameter)
        (matrices if inner else rest).append(parameter)
    return matrices, rest


def _is_wide(parameter: Tensor) -> bool:
    return min(parameter.shape[0], parameter[0].numel()) > WIDEST


def muon_flop(net: nn.Module) -> float:
    """Return the floating point operations of one step's orthogonalisations."""
    sides = [sorted((weight.shape[0], weight[0].numel())) for weight in split(net)[0]]
    each = (4 * short**2 * long + 2 * short**3 for short, long in sides)
    return float(NEWTON_SCHULZ_STEPS * sum(each))


def set_apart(
    groups: list[dict[str, Any]], head: set[nn.Parameter], *, part: float
) -> list[dict[str, Any]]:
    """Give what is not of the head a group of its own, with `part` of the learning rate."""
    split_up = []
    for group in groups:
        backbone = [one for one in group["params"] if one not in head]
        own = [one for one in group["params"] if one in head]
        split_up.append({**group, "params": backbone, "lr": group["lr"] * part})
        split_up.append({**group, "params": own})
    return [group for group in split_up if group["params"]]


def decayed(net: nn.Module, weight_decay: float, *, rate: float) -> list[dict[str, Any]]:
    """Group the parameters: kernels and matrices decay, biases and scales do not."""
    weights = [parameter for parameter in net.parameters() if parameter.ndim > 1]
    rest = [parameter for parameter in net.parameters() if parameter.ndim <= 1]
    return [
        {"params": weights, "lr": rate, "weight_decay": weight_decay},
        {"params": rest, "lr": rate, "weight_decay": 0.0},
    ]


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum (Jordan 2024) for groups of `matrices`, AdamW for the others.

    torch.optim.Muon takes 2-D parameters only; here a kernel (F, C, h, w) is a matrix (F, C*h*w).
    """

    def __init__(
        self, groups: Iterable[dict[str, Any]], *, momentum: float, weight_decay: float
    ) -> None:
        super().__init__(groups, {"lr": 0.0, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]  # torch's stub overloads it
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            trained = [parameter for parameter in group["params"] if parameter.grad is not None]
            if trained:
                (self._matrices if group["matrices"] else self._adamw)(group, trained)
        return loss

    def _matrices(self, group: dict[str, Any], weights: list[Tensor]) -> None:
        lr, momentum = group["lr"], group["momentum"]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        buffers = [self._state(weight, "momentum") for weight in weights]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        nesterov = torch._foreach_lerp(gradients, buffers, momentum)  # noqa: SLF001 - as torch's own do
        torch._foreach_mul_(weights, 1 - lr * group["weight_decay"])
        for weight, direction in zip(weights, nesterov, strict=True):
            matrix = direction.flatten(1)
            tall = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
            weight.sub_(orthogonalised(matrix).view_as(weight) * (lr * tall))

    def _adamw(self, group: dict[str, Any], weights: list[Tensor]) -> None:
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        first = [self._state(weight, "first") for weight in weights]
        second = [self._state(weight, "second") for weight in weights]
        steps = [self._state(weight, "steps", ()) for weight in weights]
        torch._foreach_add_(steps, 1)
        torch._fused_adamw_(
            weights, gradients, first, second, [], steps,
            lr=group["lr"], beta1=BETAS[0], beta2=BETAS[1], weight_decay=0.0, eps=EPS,
            amsgrad=False, maximize=False,
        )  # fmt: skip

    def _state(self, weight: Tensor, name: str, shape: tuple[int, ...] | None = None) -> Tensor:
        state = self.state[weight]
        if name not in state:
            state[name] = torch.zeros_like(weight) if shape is None else weight.new_zeros(shape)
        tensor: Tensor = state[name]
        return tensor


def orthogonalised(matrix: Tensor) -> Tensor:
    """Bring all singular values near 1 by a quintic Newton-Schulz iteration, in float32."""
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
