"""models/model.activations.onnx: the model with every layer, so that a server can show it."""

from typing import Any

from torch import Tensor, nn

from contract import sidecars
from pipeline.export.onnx_graph import add_parameter_outputs, to_bytes, trace
from pipeline.nets.activations import WithActivations, layers

WEIGHTED = {"convolution", "fully_connected"}


def activations_bytes(
    net: nn.Module,
    image_shape: tuple[int, int, int],
    *,
    model_sha256: str,
    ends_alone: bool = False,
) -> bytes:
    """Outputs: probabilities, `activations/LAYER` in the post's order, `parameters/LAYER.weight`.

    Its metadata name the model it belongs to, and describe each layer; with `ends_alone` there are
    two, input and softmax.
    """
    shown = WithActivations(net, image_shape, ends_alone=ends_alone).eval()
    _keep_activations(shown)
    entries = layers(shown)
    outputs = [f"{sidecars.ACTIVATION}{entry['name']}" for entry in entries]
    graph = trace(shown, image_shape, ["probabilities", *outputs])
    parameters: dict[str, Tensor] = {}
    described: list[dict[str, Any]] = []
    for entry in entries:
        given = _parameters(shown, entry["name"]) if entry["kind"] in WEIGHTED else {}
        named = {kind: f"{sidecars.PARAMETER}{entry['name']}.{kind}" for kind in given}
        parameters |= {named[kind]: tensor for kind, tensor in given.items()}
        described.append(entry | named)
    add_parameter_outputs(graph, parameters)
    return to_bytes(graph, sidecars.properties(model_sha256, described))


def _parameters(shown: WithActivations, layer: str) -> dict[str, Tensor]:
    weight, bias = shown.parameters_of[layer]
    return {"weight": weight} if bias is None else {"weight": weight, "bias": bias}


def _keep_activations(net: nn.Module) -> None:
    """A non-linearity in place would write over the activation of the layer before."""
    for module in net.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]  # the stub knows tensors and modules
