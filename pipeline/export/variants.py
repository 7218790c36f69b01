"""models/variants: other files of the same model, each behind a gate, and their table.

`variants.json` is always there, and names the model; NAME.onnx is there where its gate was passed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import onnx
from msgspec.structs import replace

from contract import files
from contract.arrays import Images
from contract.metadata import Metadata
from contract.sidecars import INT8
from pipeline.data.arrays import Split
from pipeline.errors import PipelineError
from pipeline.export import variant_gate
from pipeline.export.model_file import ALL_BATCH, Asked, described
from pipeline.export.onnx_run import open_session, predict
from pipeline.export.quantization import quantized
from pipeline.export.variant_table import TABLE, Table

CALIBRATION = 512  # training images, from all over the split


@dataclass(frozen=True)
class Variants:
    table: Table
    contents: dict[str, bytes]  # of those that passed

    def write(self, folder: Path) -> None:
        for name, content in self.contents.items():
            files.write_bytes(folder / f"{name}.onnx", content)
        files.write_json(folder / TABLE, msgspec.to_builtins(self.table))


def make(  # noqa: PLR0913 - what a file is made of
    names: Sequence[str],
    model: bytes,
    metadata: Metadata,
    *,
    train: Split,
    validation: Split,
    golden: int,
    asked: Asked,
) -> Variants:
    """Beside `model`, whose metadata but golden images are given; a failed one is no error."""
    sha256, images = files.sha256_of_bytes(model), len(validation)
    if INT8 not in names:
        return Variants(Table(model_sha256=sha256, images=images), {})
    of_model = predict(open_session(model), validation.images, batch_size=ALL_BATCH)
    labels = validation.labels
    quality = variant_gate.quality(of_model, labels, file_bytes=len(model))
    bare = Table(model_sha256=sha256, images=images, fp32=quality)
    marked = replace(metadata, variant_of=sha256)
    try:
        graph = quantized(onnx.load_from_string(model), calibration(train))
        content = described(graph, marked, validation, golden=golden, asked=asked)
        given = predict(open_session(content), validation.images, batch_size=ALL_BATCH)
        judged = variant_gate.judge(of_model, given, labels, file_bytes=len(content))
    except Exception as error:  # noqa: BLE001 - a net of any kind: its model is exported all the same
        return Variants(replace(bare, failed={INT8: _why(error)}), {})
    table = replace(bare, variants={INT8: judged})
    return Variants(table, {} if judged.reason else {INT8: content})


def calibration(train: Split) -> Images:
    """At most so many images, from all over the split."""
    images = train.images[:: -(-len(train) // CALIBRATION)]
    return np.ascontiguousarray(images)


def _why(error: Exception) -> str:
    text = str(error).partition("\n")[0] or type(error).__name__
    return text if isinstance(error, PipelineError) else f"{type(error).__name__}: {text}"
