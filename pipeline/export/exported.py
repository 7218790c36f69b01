"""A model as export left it: the ONNX file, its metadata and its instrumented twin, checked."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.data.arrays import Dataset
from pipeline.export import onnx_metadata, sidecar
from pipeline.export.onnx_metadata import Metadata
from pipeline.export.onnx_run import Session, open_session
from pipeline.export.sidecar import Sidecar
from pipeline.files import sha256_of_file


@dataclass(frozen=True)
class Exported:
    session: Session
    metadata: Metadata
    sha256: str
    file_bytes: int
    twin: Sidecar


def read(onnx: Path, activations: Path, *, dataset: Dataset) -> Exported:
    """Raises MetadataError for a model of other data, SidecarError for a twin of another model."""
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
        twin=sidecar.read(activations, model_sha256=sha256),
    )
