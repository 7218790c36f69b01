"""V2 tensors of files (BYTES) and of any numeric type, by tritonclient and by hand."""

import json

import numpy as np
import pytest
import tritonclient.http as triton
from numpy.typing import NDArray

from tests.serving.dialects.files import text, written
from tests.serving.live import Server

Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]
INFER = "/v2/models/digits-classifier/infer"


@pytest.mark.parametrize("shape", [[3], [3, 1]])
def test_v2_bytes_through_tritonclient(
    door: Server, images: Images, wanted: Probabilities, shape: list[int]
) -> None:
    """Files in binary, and base64 in JSON; the metadata still says UINT8."""
    pictures = [written(one[0]) for one in images[:3]]
    with triton.InferenceServerClient(f"127.0.0.1:{door.port}") as client:
        for values, binary in ((pictures, True), ([text(one).encode() for one in pictures], False)):
            tensor = triton.InferInput("images", shape, "BYTES")
            array = np.array(values, np.object_).reshape(shape)
            tensor.set_data_from_numpy(array, binary_data=binary)
            found = client.infer("digits-classifier", [tensor]).as_numpy("probabilities")
            assert np.abs(found - wanted[:3]).max() < 1e-6
        assert client.get_model_metadata("digits-classifier")["inputs"][0]["datatype"] == "UINT8"


DATATYPES = ("INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP32", "FP64")


@pytest.mark.parametrize(
    ("datatype", "binary"),
    [("FP16", True), *[(one, True) for one in DATATYPES], *[(one, False) for one in DATATYPES]],
)
def test_v2_numbers_of_any_type_are_cast(
    door: Server, images: Images, wanted: Probabilities, datatype: str, *, binary: bool
) -> None:
    """Integral values, by tritonclient."""
    array = images[:2].astype(triton_dtype(datatype))
    with triton.InferenceServerClient(f"127.0.0.1:{door.port}") as client:
        tensor = triton.InferInput("images", list(array.shape), datatype)
        tensor.set_data_from_numpy(array, binary_data=binary)
        found = client.infer("digits-classifier", [tensor]).as_numpy("probabilities")
    assert np.abs(found - wanted[:2]).max() < 1e-6


def triton_dtype(datatype: str) -> str:
    return datatype.lower().replace("fp", "float")


def packed(*elements: bytes) -> bytes:
    return b"".join([len(one).to_bytes(4, "little") + one for one in elements])


@pytest.mark.parametrize(
    ("shape", "tail"),
    [
        ([1], b""),
        ([1], b"\x01"),
        ([1], b"\xff\xff\xff\xffabc"),
        ([2], packed(b"x")),
        ([1], packed(b"x", b"y")),
        ([1], packed(b"x")[:-1]),
        ([], packed(b"x")),
        ([1, 2], packed(b"x", b"y")),
        ([-1], packed(b"x")),
        ([0], b""),
        ([2000], packed(*[b"x"] * 2000)),
        ([10**15], packed(b"x")),
    ],
)
def test_v2_bytes_that_do_not_fit_their_shape(door: Server, shape: list[int], tail: bytes) -> None:
    """Lengths that lie, counts that differ: 400."""
    tensor = {
        "name": "images", "datatype": "BYTES", "shape": shape,
        "parameters": {"binary_data_size": len(tail)},
    }  # fmt: skip
    head = json.dumps({"inputs": [tensor]}).encode()
    fields = {"inference_header_content_length": str(len(head))}
    assert door.ask("POST", INFER, head + tail, **fields).status == 400
    tensor = {"name": "images", "datatype": "BYTES", "shape": shape, "data": [7, None]}
    assert door.ask("POST", INFER, json.dumps({"inputs": [tensor]}).encode()).status == 400


def test_v2_raw_body_may_be_a_picture(door: Server, images: Images, wanted: Probabilities) -> None:
    """Header length 0: what is not so many numbers is looked at as a picture."""
    for body in (images[:1].tobytes(), written(images[0, 0])):
        answer = door.ask("POST", INFER, body, inference_header_content_length="0")
        length = int(answer.headers["inference-header-content-length"])
        found = np.frombuffer(answer.body[length:], np.float32)
        assert np.abs(found - wanted[0]).max() < 1e-6
