"""List 5 of the interface, by other doors: files in texts, forms, tensors; good ones and bad."""

import base64
import json
import struct
from collections.abc import Iterator

from tests.drill.bodies import Blow
from tests.drill.client import JSON, RAW, Subject
from tests.drill.pictures import BAD, OK, TYPE, png

FINE, REFUSED = frozenset({OK}), frozenset({BAD})
READ_OR_NOT = frozenset({OK, TYPE})  # a model from before the rule reads PNG and JPEG alone
SIDE = 28
FORM = "multipart/form-data; boundary="


def blows(subject: Subject) -> Iterator[Blow]:
    """Yield what each door must take, and what it must refuse."""
    request = subject.target.request
    for what, data in _formats():
        for kind in ("image/jpg", "application/octet-stream"):
            sent = request("/predict", data, {"Content-Type": kind})
            yield Blow(5, f"{what} as {kind}", sent, READ_OR_NOT)
    for what, body, fields, expected in _texts():
        yield Blow(5, what, request("/predict", body, fields), expected)
    for what, kind, body, expected in _forms(subject.limits["max_batch"]):
        yield Blow(5, what, request("/predict", body, {"Content-Type": kind}), expected)
    for what, body, fields, expected in _tensors():
        yield Blow(5, what, request(subject.infer, body, fields), expected)
    one_bad = json.dumps({"images": [_text(png(SIDE, SIDE)), "!!!!"]}).encode()
    yield Blow(5, "one bad of two pictures", request("/predict", one_bad, JSON), REFUSED)
    each = request("/predict?errors=each", one_bad, JSON)
    yield Blow(5, "one bad of two, errors=each", each, FINE)
    cell = json.dumps({"inputs": [_text(png(SIDE, SIDE))]}).encode()
    yield Blow(5, "base64 in invocations", request("/invocations", cell, JSON), FINE)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _formats() -> Iterator[tuple[str, bytes]]:
    """Grey pictures, written by hand."""
    pixels = bytes(SIDE * SIDE)
    yield "PGM", b"P5\n%d %d\n255\n" % (SIDE, SIDE) + pixels
    rows = bytes(SIDE * 3) * SIDE  # a row is a multiple of 4 bytes
    head = struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, 24, 0, len(rows), 2835, 2835, 0, 0)
    yield "BMP", b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) + head + rows
    image = b"\x2c" + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    yield "GIF", b"GIF89a" + struct.pack("<2H3B", 1, 1, 0x80, 0, 0) + bytes(6) + image + b"\x3b"


def _texts() -> Iterator[tuple[str, bytes, dict[str, str], frozenset[int]]]:
    text = _text(png(SIDE, SIDE))
    plain, url = {"Content-Type": "text/plain"}, f"data:image/png;base64,{text}"
    yield "base64 as text", text.encode(), plain, FINE
    yield "a data: URL as text", url.encode(), plain, FINE
    yield "a data: URL in JSON", json.dumps({"images": url}).encode(), JSON, FINE
    lines = "\r\n".join(text[at : at + 60] for at in range(0, len(text), 60)).replace("+", "-")
    yield "base64 in lines", json.dumps({"images": [lines]}).encode(), JSON, FINE
    yield "a data: URL without end", b"data:" + b"a" * 100_000, plain, frozenset({TYPE})
    yield "base64 of nothing", json.dumps({"images": ["", ""]}).encode(), JSON, REFUSED


def _forms(limit: int) -> Iterator[tuple[str, str, bytes, frozenset[int]]]:
    def part(name: str, more: bytes = b"") -> bytes:
        head = f"--b\r\nContent-Disposition: form-data; name={name}; filename=a.png\r\n".encode()
        return head + more + b"\r\n" + png(SIDE, SIDE) + b"\r\n"

    yield "a form with bare names", f'{FORM}"b"', part("images") + b"--b--\r\n", FINE
    yield "a form with another field", f"{FORM}b", part("photo") + b"--b--\r\n", REFUSED
    yield "a form without end", f"{FORM}b", part("images"), REFUSED
    headers = b"".join([b"X-%d: y\r\n" % count for count in range(10_000)])
    yield "10,000 headers of a part", f"{FORM}b", part("file", headers) + b"--b--", REFUSED
    yield "a long header of a part", f"{FORM}b", part("file", b"X: " + b"y" * 10**6), REFUSED
    padded = part("file") + b"--b" + b" " * 10**6 + b"\r\n"
    yield "a delimiter with 1 MB of padding", f"{FORM}b", padded, REFUSED
    yield "a million delimiters", f"{FORM}b", b"--b\r\n" + b"\r\n--b" * 10**6, REFUSED
    yield "a form with too many files", f"{FORM}b", part("file") * (limit + 1), REFUSED


def _tensors() -> Iterator[tuple[str, bytes, dict[str, str], frozenset[int]]]:
    data = png(SIDE, SIDE)

    def binary(tail: bytes, count: int = 1) -> tuple[bytes, dict[str, str]]:
        size = {"binary_data_size": len(tail)}
        tensor = {"name": "images", "datatype": "BYTES", "shape": [count], "parameters": size}
        head = json.dumps({"inputs": [tensor]}).encode()
        return head + tail, {**RAW, "Inference-Header-Content-Length": str(len(head))}

    packed = struct.pack("<I", len(data)) + data
    yield "a file in BYTES", *binary(packed), FINE
    yield "BYTES with a length that lies", *binary(struct.pack("<I", 2**32 - 1) + data), REFUSED
    yield "BYTES with too few elements", *binary(packed, count=2), REFUSED
    yield "BYTES cut in a length", *binary(packed + b"\1\0"), REFUSED
    tensor = {"name": "images", "datatype": "BYTES", "shape": [1, 1], "data": [[_text(data)]]}
    yield "base64 in BYTES", json.dumps({"inputs": [tensor]}).encode(), JSON, FINE
