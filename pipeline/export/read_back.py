"""A model as export left it: the ONNX file, its metadata and its activations file, checked."""

from dataclasses import dataclass
from pathlib import Path

from contract.files import sha256_of_file
from contract.metadata import Metadata
from pipeline.data.arrays import Dataset
from pipeline.export import activations, onnx_metadata
from pipeline.export.activations import Activations
from pipeline.export.onnx_run import Session, open_session


@dataclass(frozen=True)
class Exported:
    session: Session
    metadata: Metadata
    sha256: str
    file_bytes: int
    activations: Activations


def read(onnx: Path, beside: Path, *, dataset: Dataset) -> Exported:
    """Raises MetadataError for other data, ActivationsError for another model's activations."""
    session = open_session(onnx)
    properties = session.get_modelmeta().custom_metadata_map
    metadata = onnx_metadata.read(properties, name=str(onnx))
    onnx_metadata.check_data(metadata, dataset)
    sha256 = sha256_of_file(onnx)
    return Exported(
        session=session,
        metadata=metadata,
        sha256=sha256,
        file_bytes=onnx.stat().st_size,
        activations=activations.read(beside, model_sha256=sha256),
    )
