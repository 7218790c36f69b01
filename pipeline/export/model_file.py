"""models/model.onnx: the folded network with softmax, its metadata and its golden images."""

import numpy as np
import torch
from msgspec.structs import replace
from torch import nn

from contract.arrays import Images, Probabilities
from contract.metadata import Golden, Metadata
from contract.reading.probes import fingerprint
from pipeline.config import Scalar
from pipeline.data.arrays import Dataset, Split
from pipeline.export import onnx_metadata
from pipeline.export.onnx_graph import ExportError, WithSoftmax, to_bytes, trace
from pipeline.export.onnx_run import open_session, predict
from pipeline.nets.folding import fold_batch_norm
from pipeline.training.checkpoint import Origin

TORCH_BATCH = 256
ALL_BATCH = 64
OUTPUT = "probabilities"


def check_data(origin: Origin, dataset: Dataset) -> None:
    """Refuse weights that learned from other data than what is prepared."""
    if origin.data_sha256 != dataset.sha256_of_all:
        raise ExportError(
            f"the checkpoint was trained on data with sha256 {origin.data_sha256!r}, and the "
            f"prepared data, {dataset.name!r}, have {dataset.sha256_of_all!r}: run `dvc repro`"
        )


def torch_probabilities(net: nn.Module, images: Images) -> Probabilities:
    """What the trained network itself answers: the side that onnxruntime is compared with."""
    whole = WithSoftmax(net).eval()
    with torch.inference_mode():
        starts = range(0, len(images), TORCH_BATCH)
        batches = (torch.from_numpy(images[start : start + TORCH_BATCH]) for start in starts)
        return np.concatenate([whole(batch).numpy() for batch in batches])


def describe(  # noqa: PLR0913 - what the file says of the model
    dataset: Dataset,
    net: nn.Module,
    *,
    name: str | None,
    hyperparameters: dict[str, Scalar],
    asked: dict[str, Scalar],
    params_sha256: str,
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
        asked=asked,
        parameters=sum(parameter.numel() for parameter in trainable),
        statistics=onnx_metadata.statistics(dataset),
        golden=Golden(images="", labels=(), probabilities=()),
        reading=dataset.reading,
        trained_formats=dataset.formats,
        probes=fingerprint(dataset.reading, dataset.image_shape),
    )


def model_bytes(net: nn.Module, metadata: Metadata, validation: Split, *, golden: int) -> bytes:
    """The whole file, with so many `golden` validation images and what onnxruntime answers."""
    graph = trace(WithSoftmax(fold_batch_norm(net)), metadata.image_shape, [OUTPUT])
    bare = open_session(to_bytes(graph, {}))
    chosen = onnx_metadata.golden_indexes(
        validation.labels, classes=len(metadata.classes), most=golden
    )
    images, labels = validation.images[chosen], validation.labels[chosen]
    answers = predict(bare, images, batch_size=len(images))
    seen = onnx_metadata.answers(predict(bare, validation.images, batch_size=ALL_BATCH))
    shown = replace(
        metadata,
        golden=Golden.of(images, labels, answers),
        statistics=replace(metadata.statistics, answers=seen),
    )
    return to_bytes(graph, shown.properties())
