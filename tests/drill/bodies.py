"""Lists 1, 2, 3 and 5 of the interface: bodies that are no images."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.drill.client import JSON, RAW, Subject
from tests.drill.pictures import BAD, TYPE, pictures

REFUSED = frozenset({BAD})


@dataclass(frozen=True)
class Blow:
    """One request and the statuses that may come back; `closes`: so must the connection."""

    item: int  # by which the kinds of attack are counted
    what: str
    sent: bytes
    expected: frozenset[int]
    closes: bool = False


def blows(subject: Subject) -> Iterator[Blow]:
    """Yield the blows of lists 1, 2, 3 and 5."""
    request = subject.target.request
    for what, body in _no_json():
        yield Blow(1, what, request("/predict", body, JSON), REFUSED)
    for what, pixel in _PIXELS.items():
        for path, body in _doors(subject, pixel):
            where = f"{what} among the pixels of {path.rpartition('/')[2]}"
            yield Blow(1, where, request(path, body, JSON), REFUSED)
    for what, tensor in _tensors(subject):
        body = json.dumps(tensor).encode()
        yield Blow(2, what, request(subject.infer, body, JSON), REFUSED)
    for what, value in _images(subject):
        body = json.dumps({"images": value}).encode()
        yield Blow(2, f"{what} in predict", request("/predict", body, JSON), REFUSED)
    for what, body, fields in _binary(subject):
        yield Blow(3, what, request(subject.infer, body, {**RAW, **fields}), REFUSED)
    for what, kind, data, expected in pictures():
        yield Blow(5, what, request("/predict", data, {"Content-Type": kind}), expected)
    odd = request("/predict", b"x", {"Content-Type": "image/tiff"})
    yield Blow(5, "content type image/tiff", odd, frozenset({TYPE}))


def _no_json() -> Iterator[tuple[str, bytes]]:
    yield "empty body", b""
    yield "truncated JSON", b'{"images": [[1, 2'
    yield "not UTF-8", b'{"images": "\xff\xfe"}'
    yield "byte order mark", b'\xef\xbb\xbf{"images": [[0]]}'
    for root in (b"null", b"7", b'"images"', b"[1, 2]", b"true"):
        yield f"root {root.decode()}", root
    yield "250,000 brackets", b'{"images":' + b"[" * 250_000
    yield "125,000 closed brackets", b'{"images":' + b"[" * 125_000 + b"]" * 125_000 + b"}"


_PIXELS = {
    "NaN": b"NaN", "Infinity": b"Infinity", "1e400": b"1e400", "true": b"true", "null": b"null",
    '"7"': b'"7"', "0.5": b"0.5", "256": b"256", "-1": b"-1",
}  # fmt: skip


def _doors(subject: Subject, pixel: bytes) -> Iterator[tuple[str, bytes]]:
    """Write an image whose last pixel is `pixel` for each door that reads JSON."""
    rows = json.dumps(_nested(subject)).encode()
    numbers = rows[: rows.rindex(b"0")] + pixel + rows[rows.rindex(b"0") + 1 :]
    shape = json.dumps([1, *subject.shape]).encode()
    yield "/predict", b'{"images":%b}' % numbers
    yield "/invocations", b'{"inputs":%b}' % numbers
    tensor = b'{"name":"images","datatype":"UINT8","shape":%b,"data":%b}' % (shape, numbers)
    yield subject.infer, b'{"inputs":[%b]}' % tensor


def _nested(subject: Subject) -> list[Any]:
    channels, height, width = subject.shape
    return [[[[0] * width for _ in range(height)] for _ in range(channels)]]


def _tensors(subject: Subject) -> Iterator[tuple[str, dict[str, Any]]]:
    shape, pixels = [1, *subject.shape], len(subject.image)
    good = {"name": "images", "datatype": "UINT8", "shape": shape, "data": [0] * pixels}
    limit = subject.limits["max_batch"]
    changes: dict[str, dict[str, Any]] = {
        "one number too few": {"data": [0] * (pixels - 1)},
        "one number too many": {"data": [0] * (pixels + 1)},
        "shape with -1": {"shape": [-1, *subject.shape]},
        "shape with 0": {"shape": [1, 0, *subject.shape[1:]]},
        "shape with 2^62": {"shape": [2**62, *subject.shape]},
        "shape with a float": {"shape": [1.5, *subject.shape]},
        "wrong rank": {"shape": [pixels]},
        "wrong size": {"shape": [1, *subject.shape[:2], subject.shape[2] + 1]},
        "batch 0": {"shape": [0, *subject.shape], "data": []},
        "batch above the limit": {"shape": [limit + 1, *subject.shape]},
        "datatype BOOL": {"datatype": "BOOL"},
        "unknown input": {"name": "pictures"},
    }
    for what, change in changes.items():
        yield what, {"inputs": [{**good, **change}]}
    yield "no input", {"inputs": []}
    yield "the same input twice", {"inputs": [good, good]}
    yield "unknown output", {"inputs": [good], "outputs": [{"name": "logits"}]}
    yield "the same output twice", {"inputs": [good], "outputs": [{"name": "probabilities"}] * 2}
    yield "100,000 outputs", {"inputs": [good], "outputs": [{"name": "p"}] * 100_000}


def _images(subject: Subject) -> Iterator[tuple[str, Any]]:
    nested = _nested(subject)[0]
    yield "ragged rows", [[*nested[0][:-1], nested[0][-1][:-1]]]
    yield "wrong rank", [[nested], [nested]] * 2
    yield "a row too many", [[*plane, plane[0]] for plane in nested]
    yield "no images", []
    yield "batch above the limit", [[0]] * (subject.limits["max_batch"] + 1)
    yield "no base64", ["!!!!"]


def _binary(subject: Subject) -> Iterator[tuple[str, bytes, Mapping[str, str]]]:
    size, length = len(subject.image), "Inference-Header-Content-Length"

    def header(**change: Any) -> bytes:  # noqa: ANN401 -- JSON
        tensor = {
            "name": "images", "datatype": "UINT8", "shape": [1, *subject.shape],
            "parameters": {"binary_data_size": size}, **change,
        }  # fmt: skip
        return json.dumps({"inputs": [tensor]}).encode()

    head = header()
    whole = head + subject.image
    yield "header length missing", whole, {}
    for what, value in (("negative", "-1"), ("over the body", "999999"), ("no number", "ten")):
        yield f"header length {what}", whole, {length: value}
    yield "header length cuts the JSON", whole, {length: str(len(head) - 2)}
    yield "a byte too few", whole[:-1], {length: str(len(head))}
    yield "a byte too many", whole + b"\0", {length: str(len(head))}
    wrong = header(parameters={"binary_data_size": size - 1})
    yield "size against shape", wrong + subject.image, {length: str(len(wrong))}
    both = header(data=[0] * size)
    yield "both data and binary", both + subject.image, {length: str(len(both))}
    yield "raw body of no images", b"", {length: "0"}
    yield "raw body of one and a half", subject.image + subject.image[:9], {length: "0"}
