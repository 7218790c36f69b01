"""What a message may hold: typed contents, files; and every other one, refused by a real server."""

from collections.abc import Iterator

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from tests.serving.dialects.files import written
from tests.serving.grpc.asking import (
    Images,
    Probabilities,
    asked,
    call,
    changed,
    probabilities,
    refusal,
)
from tests.serving.live import Server

Code = grpc.StatusCode


@pytest.fixture(scope="module")
def channel(rpc: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(rpc.grpc) as opened:
        yield opened


@pytest.mark.parametrize(
    ("datatype", "field"),
    [
        ("UINT8", "uint_contents"),
        ("UINT32", "uint_contents"),
        ("INT16", "int_contents"),
        ("INT64", "int64_contents"),
        ("UINT64", "uint64_contents"),
        ("FP32", "fp32_contents"),
        ("FP64", "fp64_contents"),
    ],
)
def test_typed_contents(
    channel: grpc.Channel, images: Images, expected: Probabilities, datatype: str, field: str
) -> None:
    """Each datatype in its own field; many images are copied in pieces."""
    request = asked(images, datatype, **{field: images.ravel().tolist()})
    found = probabilities(call(channel, request.SerializeToString()))
    assert np.abs(found - expected).max() < 1e-6


def test_contents_that_are_files(
    channel: grpc.Channel, images: Images, expected: Probabilities
) -> None:
    """BYTES one by one."""
    request = asked(images[:2, 0, 0, 0], "BYTES", bytes_contents=map(written, images[:2, 0]))
    found = probabilities(call(channel, request.SerializeToString()))
    assert np.abs(found - expected[:2]).max() < 1e-6


CONTENTS = service_pb2.InferTensorContents
PIXEL = [0] * 784


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xff", "the message is no inference.ModelInferRequest"),
        (b"", "no model of this name"),
        (changed(inputs=[]), "one input is expected"),
        (changed(id="x" * 257), "id is longer"),
        (changed(raw_input_contents=[]), "uint_contents must hold 784 numbers"),
        (changed(raw_input_contents=[b"1"]), "must be 784 bytes"),
        (changed(raw_input_contents=[b"", b""]), "one of raw_input_contents"),
        (changed(contents=CONTENTS(uint_contents=PIXEL)), "one of raw_input_contents"),
        (changed(shape=[1, 784]), "the images are flat"),
        (changed(shape=[-1, 1, 28, 28]), "N from 1 to 1024"),
        (changed(shape=[2**62, 1, 28, 28]), "N from 1 to 1024"),
        (changed(shape=[2**62] * 100_000), "of 100000 axes"),
        (changed(shape=[]), "the shape seen is []"),
        (changed(datatype="BF16"), "one input is expected"),
        (changed(datatype="FP32"), "must be 3136 bytes"),
        (changed(datatype="BYTES"), "the shape of BYTES"),
        (changed(datatype="FP16", raw_input_contents=[]), "give it in raw_input_contents"),
        (
            changed(raw_input_contents=[], contents=CONTENTS(uint_contents=[256, *PIXEL[1:]])),
            "image 0: number 0 is above 255",
        ),
        (
            changed(
                datatype="FP32", raw_input_contents=[],
                contents=CONTENTS(fp32_contents=[float("nan"), *PIXEL[1:]]),
            ),
            "image 0: number 0 is not finite",
        ),
        (
            changed(raw_input_contents=[], contents=CONTENTS(int_contents=PIXEL)),
            "uint_contents must hold 784 numbers",
        ),
        (
            changed(outputs=[service_pb2.ModelInferRequest.InferRequestedOutputTensor(name="x")]),
            "this model's only output is probabilities",
        ),
        (
            changed(outputs=[service_pb2.ModelInferRequest.InferRequestedOutputTensor()] * 300),
            "more than 256",
        ),
    ],
)  # fmt: skip
def test_a_bad_message_is_refused_with_what_is_allowed(
    channel: grpc.Channel, content: bytes, words: str
) -> None:
    """INVALID_ARGUMENT (NOT_FOUND for the model), never a fault of the server's."""
    error = refusal(channel, content)
    assert error.code() is (
        Code.NOT_FOUND if words.startswith("no model") else Code.INVALID_ARGUMENT
    )
    assert words in error.details()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.binary(max_size=60)
    | st.builds(
        lambda shape, datatype, raw: changed(
            shape=shape, datatype=datatype, raw_input_contents=raw
        ),
        st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5),
        st.sampled_from(["UINT8", "FP32", "BYTES", "BOOL", "", "x"]),
        st.lists(st.binary(max_size=20), max_size=3),
    )
)
def test_no_message_is_a_fault_of_the_server(channel: grpc.Channel, content: bytes) -> None:
    """Whatever bytes come."""
    assert refusal(channel, content).code() in {Code.INVALID_ARGUMENT, Code.NOT_FOUND}
