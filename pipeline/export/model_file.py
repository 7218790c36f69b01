"""models/model.onnx: the folded network with softmax, its metadata and its golden images."""

from dataclasses import dataclass

import torch
from msgspec.structs import replace
from onnx import ModelProto
from torch import nn

from contract.arrays import Probabilities
from contract.metadata import Golden, Limits, Metadata
from contract.reading.probes import fingerprint
from pipeline.config import Scalar
from pipeline.data.arrays import Dataset, Split
from pipeline.export import familiarity_nodes, fitting, last_layer, limits, onnx_metadata
from pipeline.export.familiarity import Head
from pipeline.export.familiarity_nodes import FEATURES, LOGITS
from pipeline.export.last_layer import AllAnswers
from pipeline.export.onnx_graph import ExportError, WithSoftmax, to_bytes, trace
from pipeline.export.onnx_run import PROBABILITIES, answers, open_session
from pipeline.export.temperature import Temperature
from pipeline.nets.folding import fold_batch_norm
from pipeline.training.checkpoint import Origin

ALL_BATCH = 64


def check_data(origin: Origin, dataset: Dataset) -> None:
    """Refuse weights that learned from other data than what is prepared."""
    if origin.data_sha256 != dataset.sha256_of_all:
        raise ExportError(
            f"the checkpoint was trained on data with sha256 {origin.data_sha256!r}, and the "
            f"prepared data, {dataset.name!r}, have {dataset.sha256_of_all!r}: run `dvc repro`"
        )


def probabilities_of(logits: Probabilities) -> Probabilities:
    """Softmax, as torch has it."""
    found: Probabilities = torch.from_numpy(logits).softmax(dim=1).numpy()
    return found


def describe(  # noqa: PLR0913 - what the file says of the model
    dataset: Dataset,
    net: nn.Module,
    *,
    name: str | None,
    hyperparameters: dict[str, Scalar],
    params_sha256: str,
    asked: dict[str, Scalar] | None = None,
) -> Metadata:
    """All but the golden images; `name` None makes it <dataset>-classifier."""
    trainable = (parameter for parameter in net.parameters() if parameter.requires_grad)
    return Metadata(
        model_name=name or f"{dataset.name}-classifier",
        net=str(hyperparameters["model.name"]),
        classes=dataset.classes,
        image_shape=dataset.image_shape,
        dataset=onnx_metadata.mark(dataset),
        params_sha256=params_sha256,
        hyperparameters=hyperparameters,
        asked=asked or {},
        parameters=sum(parameter.numel() for parameter in trainable),
        statistics=onnx_metadata.statistics(dataset),
        golden=Golden(images="", labels=(), probabilities=()),
        reading=dataset.reading,
        trained_formats=dataset.formats,
        probes=fingerprint(dataset.reading, dataset.image_shape),
    )


@dataclass(frozen=True)
class Asked:
    """What a model is to say of its limits."""

    kept: float  # share of the validation images that are known
    coverage: float  # of its sets
    temperature: Temperature


@dataclass(frozen=True)
class Made:
    content: bytes
    head: Head | None  # of the output `familiarity`
    without: str  # why there is no such output; empty where there is one


def make(  # noqa: PLR0913 - what a file is made of
    net: nn.Module,
    metadata: Metadata,
    *,
    train: Split,
    validation: Split,
    golden: int,
    asked: Asked,
) -> Made:
    """The file of a net that has its temperature already, with what it says of its limits."""
    folded = fold_batch_norm(net)
    last = last_layer.find(folded, metadata.image_shape)
    if last is None:
        graph, head = trace(WithSoftmax(folded), metadata.image_shape, [PROBABILITIES]), None
        without = "the network does not end in a linear layer"
    else:
        names = [PROBABILITIES, LOGITS, FEATURES]
        graph = trace(AllAnswers(folded, last), metadata.image_shape, names)
        head = fitting.fit(graph, train, validation)
        without = "" if head else "all validation images are alike to it"
        if head is None:
            familiarity_nodes.drop_outputs(graph)
        else:
            familiarity_nodes.add(graph, head)
    content = described(graph, metadata, validation, golden=golden, asked=asked)
    return Made(content, head, without)


def model_bytes(net: nn.Module, metadata: Metadata, validation: Split, *, golden: int) -> bytes:
    """The file of a net that says nothing of its limits."""
    graph = trace(WithSoftmax(fold_batch_norm(net)), metadata.image_shape, [PROBABILITIES])
    return described(graph, metadata, validation, golden=golden, asked=None)


def described(
    graph: ModelProto, metadata: Metadata, validation: Split, *, golden: int, asked: Asked | None
) -> bytes:
    """With so many `golden` validation images and what onnxruntime answers, and the thresholds."""
    bare = open_session(to_bytes(graph, {}))
    chosen = onnx_metadata.golden_indexes(
        validation.labels, classes=len(metadata.classes), most=golden
    )
    images, labels = validation.images[chosen], validation.labels[chosen]
    probabilities, found = answers(bare, validation.images, batch_size=ALL_BATCH)
    familiar = (
        None if found is None or asked is None else limits.familiarity(found, kept=asked.kept)
    )
    unknown = None if found is None or familiar is None else limits.unknown(found, familiar)
    said = asked and Limits(
        familiarity=familiar,
        conformal=limits.conformal(probabilities, validation.labels, coverage=asked.coverage),
        temperature=asked.temperature.value,
    )
    seen = onnx_metadata.answers(probabilities, unknown)
    shown = replace(
        metadata,
        golden=Golden.of(images, labels, *answers(bare, images, batch_size=len(images))),
        statistics=replace(metadata.statistics, answers=seen),
        limits=said,
    )
    return to_bytes(graph, shown.properties())
