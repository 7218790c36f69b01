"""The messages are those of the published protocol, and nobody needs grpcio without the port."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from tritonclient.grpc import model_config_pb2, service_pb2

from serving.grpc.messages import INFERENCE, pool
from tests.serving.live import ROOT

FILES = ("inference.proto", "health.proto")


def facts(field: FieldDescriptor) -> tuple[object, ...]:
    kind = field.message_type or field.enum_type
    return field.number, field.type, field.is_repeated, kind.full_name if kind else None


def same(ours: Descriptor, theirs: Descriptor) -> int:
    """Compare every field, of nested messages too; gives how many."""
    for field in ours.fields:
        assert facts(field) == facts(theirs.fields_by_name[field.name]), field.full_name
    nested = [same(one, theirs.nested_types_by_name[one.name]) for one in ours.nested_types]
    return len(ours.fields) + sum(nested)


def test_names_and_numbers_are_those_of_an_independent_copy() -> None:
    """Triton's own generated classes are the oracle."""
    published = {
        **model_config_pb2.DESCRIPTOR.message_types_by_name,
        **service_pb2.DESCRIPTOR.message_types_by_name,
    }
    file = pool().FindFileByName("inference.proto")
    assert sum(same(one, published[name]) for name, one in file.message_types_by_name.items()) > 100
    ours = pool().FindServiceByName(INFERENCE)
    theirs = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    for method in ours.methods:
        other = theirs.methods_by_name[method.name]
        assert method.input_type.full_name == other.input_type.full_name
        assert method.output_type.full_name == other.output_type.full_name
    types = model_config_pb2.DataType.items()
    assert set(file.enum_types_by_name["DataType"].values_by_name) <= dict(types).keys()
    for name, value in file.enum_types_by_name["DataType"].values_by_name.items():
        assert value.number == dict(types)[name]


@pytest.mark.parametrize("file", FILES)
def test_the_compiled_file_holds_all_that_the_source_says(file: str) -> None:
    """Whoever changes the one compiles the other: every name and number stands in both."""
    source = (ROOT / "serving/grpc" / file).read_text()
    compiled = pool().FindFileByName(file)
    found = [field for one in compiled.message_types_by_name.values() for field in fields(one)]
    written = [
        line for line in source.splitlines() if line.rstrip().endswith(";") and " = " in line
    ]
    written = [line for line in written if not line.lstrip().startswith(("syntax", *VALUES))]
    assert sorted(f"{one.name} = {one.number};" for one in found) == sorted(
        " ".join(line.split()[-3:]) for line in written
    )


VALUES = ("TYPE_", "UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")  # of enums


def fields(one: Descriptor) -> list[FieldDescriptor]:
    if one.GetOptions().map_entry:
        return []
    return [*one.fields, *[field for inner in one.nested_types for field in fields(inner)]]


CHILD = """
import sys
for name in ("grpc", "google", "google.protobuf"):
    sys.modules[name] = None
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "grpc" else found(name, *rest)
import serving.server
from serving.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_without_grpcio_the_port_is_refused_and_the_rest_starts(tiny_model: Path) -> None:
    """One line that says what to install; the server's own modules are imported before it."""
    flags = ["--model", str(tiny_model), "--port", "0", "--grpc-port", "0"]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *flags],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "error: --grpc-port needs grpcio: install the extra 'grpc'\n"
