"""Numbers become pixels only where they are pixels; 0 to 1 is refused with what to do."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from serving.dialects.pixel_values import as_pixels, refuse_scaled
from serving.dialects.shape_advice import brackets, nested_shape
from serving.errors import BadRequest
from tests.serving.live import Server, serving
from tests.serving.onnx_files import build_model

Array = NDArray[Any]
INFER = "/v2/models/digits-classifier/infer"
EDGES = [0.0, 16.0, 128.0, 256.0]


@given(
    hnp.arrays(
        st.sampled_from([np.dtype(code) for code in ("i1", "i8", "u2", "f2", "f4", "f8", ">i4")]),
        (2, 3),
        elements=st.integers(0, 127),
    )
)
def test_integral_values_are_cast(numbers: Array) -> None:
    """Of any type and byte order."""
    assert as_pixels(numbers, pixels=3).tolist() == numbers.tolist()


@pytest.mark.parametrize(
    ("value", "words"),
    [(256, "is above 255"), (1e30, "is above 255"), (-1, "is negative"), (7.5, "is a fraction"),
     (np.nan, "is not finite"), (np.inf, "is not finite"), (2.0**63, "is above 255")],
)  # fmt: skip
def test_the_fault_is_named(value: float, words: str) -> None:
    """Which image, which number, what is wrong with it; not the number itself."""
    numbers = np.full((3, 4), 9.0)
    numbers[2, 1] = value
    with pytest.raises(BadRequest, match=f"image 2: number 1 {words}"):
        as_pixels(numbers, pixels=4)


def test_fractions_between_0_and_1_are_told_to_be_scaled() -> None:
    """What frameworks hold in memory."""
    with pytest.raises(BadRequest, match="multiply by 255"):
        as_pixels(np.array([[0.0, 0.5, 1.0]]), pixels=3)


@given(hnp.arrays(np.uint8, 6, elements=st.integers(0, 3)), st.booleans())
def test_zeros_and_ones_are_refused_where_training_was_brighter(
    images: Array,
    bright: bool,  # noqa: FBT001 -- hypothesis gives it
) -> None:
    """At least one 1 and nothing above; all zeros are a black image."""
    if bright and set(images.tolist()) in ({1}, {0, 1}):
        with pytest.raises(BadRequest, match="multiply by 255"):
            refuse_scaled(images, is_bright=bright)
    else:
        refuse_scaled(images, is_bright=bright)


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_the_shape_of_nested_lists_is_seen(shape: list[int]) -> None:
    """From brackets and commas alone; what is ragged has none."""
    structure = brackets(tuple(shape))
    assert nested_shape(structure) == tuple(shape)
    for at in range(len(structure)):
        cut = structure[:at] + structure[at + 1 :]
        assert nested_shape(cut) != tuple(shape)


@pytest.mark.parametrize(
    "text", [b"[,],[]", b"[[,],[,,]]", b"[[", b"]]", b"[[],]", b"", b"[" * 9 + b"]" * 9, b"[]]["]
)
def test_ragged_lists_have_no_shape(text: bytes) -> None:
    """Nor have those deeper than any image."""
    assert nested_shape(text) is None


@pytest.fixture(scope="module")
def bright(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose model saw bright images."""
    path = tmp_path_factory.mktemp("bright") / "model.onnx"
    intensity = {"edges": EDGES, "fractions": [0.8, 0.1, 0.1]}
    path.write_bytes(build_model(reference={"intensity": intensity}))
    with serving("--model", str(path), "--no-access-log") as running:
        yield running


def npy(array: Array) -> bytes:
    with io.BytesIO() as file:
        np.save(file, array)
        return file.getvalue()


def v2(array: Array, datatype: str) -> bytes:
    tensor = {
        "name": "images", "datatype": datatype, "shape": list(array.shape),
        "data": array.ravel().tolist(),
    }  # fmt: skip
    return json.dumps({"inputs": [tensor]}).encode()


DOORS: dict[str, tuple[str, dict[str, str], Callable[[Array], bytes]]] = {
    "json": (
        "/predict",
        {"content_type": "application/json"},
        lambda x: json.dumps({"images": x.tolist()}).encode(),
    ),
    "raw": ("/predict", {}, lambda x: x.astype(np.uint8).tobytes()),
    "npy uint8": ("/predict", {}, lambda x: npy(x.astype(np.uint8))),
    "npy float": ("/predict", {"content_type": "application/x-npy"}, lambda x: npy(x * 1.0)),
    "npy bool": ("/predict", {}, lambda x: npy(x.astype(bool))),
    "v2 uint8": (INFER, {}, lambda x: v2(x, "UINT8")),
    "v2 int64": (INFER, {}, lambda x: v2(x, "INT64")),
    "v2 fp32": (INFER, {}, lambda x: v2(x * 1.0, "FP32")),
    "v2 raw": (
        INFER,
        {"inference_header_content_length": "0"},
        lambda x: x.astype(np.uint8).tobytes(),
    ),
    "inputs": (
        "/invocations",
        {"content_type": "application/json"},
        lambda x: json.dumps({"inputs": x.tolist()}).encode(),
    ),
    "records": (
        "/invocations",
        {"content_type": "application/json"},
        lambda x: json.dumps({"dataframe_records": [{"images": y.tolist()} for y in x]}).encode(),
    ),
}
ONES = np.zeros((2, 1, 28, 28), np.int64)
ONES[1, 0, 14:20, 9] = 1


@pytest.mark.parametrize("door", DOORS)
def test_every_door_for_numbers_refuses_images_of_0_and_1(bright: Server, door: str) -> None:
    """And takes black ones, and those with one pixel above."""
    path, fields, encode = DOORS[door]
    refused = bright.ask("POST", path, encode(ONES), **fields)
    assert refused.status == 400
    assert "multiply by 255" in refused.json["error"]
    assert bright.ask("POST", path, encode(ONES * 0), **fields).status == 200
    if door != "npy bool":
        assert bright.ask("POST", path, encode(ONES * 2), **fields).status == 200


@pytest.mark.parametrize("door", DOORS)
def test_a_model_that_saw_no_brighter_ones_takes_them(server: Server, door: str) -> None:
    """Its file has no histogram."""
    path, fields, encode = DOORS[door]
    assert server.ask("POST", path, encode(ONES), **fields).status == 200


def test_a_picture_is_never_refused_for_its_values(bright: Server) -> None:
    """A nearly black PNG is a picture like any other."""
    from PIL import Image  # noqa: PLC0415 -- here alone

    with io.BytesIO() as file:
        Image.fromarray(ONES[1, 0].astype(np.uint8)).save(file, "PNG")
        assert bright.ask("POST", "/predict", file.getvalue()).status == 200


@pytest.mark.parametrize("door", ["json", "npy uint8", "npy float", "v2 uint8", "inputs"])
@pytest.mark.parametrize(
    ("shape", "words"),
    [((3, 28, 28, 1), "channels come last, so transpose"), ((3, 784), "flat, so reshape"),
     ((784,), "flat, so reshape"), ((2, 1, 27, 28), r"[2, 1, 27, 28]"),
     ((1, 1, 1, 1, 28, 28), r"[1, 1, 1, 1, 28, 28]")],
)  # fmt: skip
def test_other_shapes_are_told_what_to_do(
    server: Server, door: str, shape: tuple[int, ...], words: str
) -> None:
    """Which shape was seen, and how it becomes [N, C, H, W]."""
    path, fields, encode = DOORS[door]
    answer = server.ask("POST", path, encode(np.full(shape, 9)), **fields)
    assert answer.status == 400
    assert words in answer.json["error"]
    assert str(list(shape)) in answer.json["error"]
