"""models/model.activations.onnx: the instrumented twin, so that a server can show every layer."""

from typing import Any

from torch import Tensor, nn

from pipeline.export.onnx_graph import add_parameter_outputs, to_bytes, trace
from pipeline.export.onnx_metadata import as_text
from pipeline.nets.instrument import InstrumentedNet, layers

WEIGHTED = {"convolution", "fully_connected"}


def twin_bytes(net: nn.Module, image_shape: tuple[int, int, int], *, model_sha256: str) -> bytes:
    """Outputs: probabilities, `activations/LAYER` in the post's order, `parameters/LAYER.weight`.

    Its metadata name the model it belongs to, and describe each layer.
    """
    twin = InstrumentedNet(net, image_shape).eval()
    _keep_activations(twin)
    entries = layers(twin)
    outputs = [f"activations/{entry['name']}" for entry in entries]
    graph = trace(twin, image_shape, ["probabilities", *outputs])
    parameters: dict[str, Tensor] = {}
    described: list[dict[str, Any]] = []
    for entry in entries:
        given = _parameters(twin, entry["name"]) if entry["kind"] in WEIGHTED else {}
        named = {kind: f"parameters/{entry['name']}.{kind}" for kind in given}
        parameters |= {named[kind]: tensor for kind, tensor in given.items()}
        described.append(entry | named)
    add_parameter_outputs(graph, parameters)
    return to_bytes(graph, {"model_sha256": model_sha256, "layers": as_text(described)})


def _parameters(twin: InstrumentedNet, layer: str) -> dict[str, Tensor]:
    weight, bias = twin.parameters_of[layer]
    return {"weight": weight} if bias is None else {"weight": weight, "bias": bias}


def _keep_activations(net: nn.Module) -> None:
    """A non-linearity in place would write over the activation of the layer before."""
    for module in net.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]  # the stub knows tensors and modules
