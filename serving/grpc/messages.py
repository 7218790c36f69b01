"""The classes of the messages, made from messages.binpb: what protoc made of the .proto files.

    cd serving/grpc
    python -m grpc_tools.protoc -I. --descriptor_set_out=messages.binpb inference.proto health.proto

They live in a pool of their own, so that a client's classes of the same names may stand beside
them in one process; and no generated code binds this server to one version of protobuf.
"""

from functools import cache
from importlib.resources import files

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

INFERENCE = "inference.GRPCInferenceService"
HEALTH = "grpc.health.v1.Health"


@cache
def pool() -> DescriptorPool:
    found = DescriptorPool()
    content = files("serving.grpc").joinpath("messages.binpb").read_bytes()
    for file in FileDescriptorSet.FromString(content).file:
        found.AddSerializedFile(file.SerializeToString())
    return found


@cache
def message(name: str) -> type[Message]:
    """Find a class by its full name, such as inference.ModelInferRequest."""
    found: type[Message] = GetMessageClass(pool().FindMessageTypeByName(name))
    return found


def filled(name: str, fields: object) -> Message:
    """Make a message of what JSON would hold; fields that it does not know are left out."""
    return ParseDict(fields, message(name)(), ignore_unknown_fields=True, descriptor_pool=pool())
