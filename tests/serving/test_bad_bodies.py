"""Bodies that are no images, through the JSON doors: 400, and nothing is hurt."""

import json

import pytest

from tests.serving.live import Server

IMAGE = [[0] * 28] * 28
DOORS = {
    "/predict": "images",
    "/invocations": "inputs",
    "/v1/models/digits-classifier:predict": "instances",
    "/v2/models/digits-classifier/infer": "",
}


def with_pixel(door: str, pixel: bytes) -> bytes:
    """Write a good request whose last pixel is `pixel`."""
    numbers = json.dumps(IMAGE)[:-3].encode() + pixel + b"]]"
    if DOORS[door] == "instances":
        numbers = b"[%b]" % numbers
    if DOORS[door]:
        return b'{"%b": %b}' % (DOORS[door].encode(), numbers)
    tensor = b'"name":"images","datatype":"UINT8","shape":[1,1,28,28],"data":[[%b]]' % numbers
    return b'{"inputs":[{%b}]}' % tensor


@pytest.mark.parametrize("door", DOORS)
def test_the_good_request_is_answered(server: Server, door: str) -> None:
    """The frame of the bad ones below is sound."""
    answer = server.ask("POST", door, with_pixel(door, b"7.0"), content_type="application/json")
    assert answer.status == 200


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "pixel",
    [
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e400",
        b"true",
        b"null",
        b'"7"',
        b"256",
        b"-1",
        b"0.5",
        b"[7]",
        b"{}",
        b"",
        b"7 7",
        b"0x7",
        b"07",
        b"9" * 400,
        b"\xff",
        b"18446744073709551623",
    ],
)
def test_no_other_pixel_passes(server: Server, door: str, pixel: bytes) -> None:
    """Only integers from 0 to 255 are pixels."""
    answer = server.ask("POST", door, with_pixel(door, pixel), content_type="application/json")
    assert (answer.status, set(answer.json)) == (400, {"error"})


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{}",
        b"[]",
        b"7",
        b"null",
        b'"images"',
        b'{"images"',
        b'{"images": }',
        b'{"images": 7}',
        b'{"images": {}}',
        b'{"images": []}',
        b'{"images": [[]]}',
        b'{"images": [[1, 2], [3]]}',
        b'{"inputs": null}',
        b'{"inputs": "images!"}',
        b'{"inputs": [], "inputs": []}',
        b"\xff\xfe{}",
        b'\xef\xbb\xbf{"images": [[0]]}',
        b'{"images": "\xc3\x28"}',
        b'{"id": "\\ud800", "inputs": []}',
        b"[" * 250_000,
        b'{"images":' + b"[" * 250_000,
        b'{"images":' + b"[" * 125_000 + b"]" * 125_000 + b"}",
        b'{"inputs":' + b"[" * 125_000 + b"]" * 125_000 + b"}",
        b'{"inputs":' + b'{"a":' * 125_000 + b"}" * 125_000 + b"}",
        b'{"images":[' + b"0," * 4_000_000 + b"0]}",
        b'{"inputs":[' + b"0," * 4_000_000 + b"0]}",
        b'{"instances":' + b"[" * 125_000 + b"]" * 125_000 + b"}",
        b'{"instances":[' + b'{"b64":' * 125_000 + b"0" + b"}" * 125_000 + b"]}",
        b'{"instances":[' + b"{}," * 4_000_000 + b"{}]}",
    ],
)
def test_a_body_of_another_kind_is_400(server: Server, door: str, body: bytes) -> None:
    """Empty, cut short, not UTF-8, of another root, deep, long: one JSON error each."""
    answer = server.ask("POST", door, body, content_type="application/json")
    assert (answer.status, set(answer.json)) == (400, {"error"})
    assert server.ask("GET", "/v2/health/live").status == 200


def test_an_error_repeats_nothing_of_the_request(server: Server) -> None:
    """Words of the caller's do not come back, nor do paths of ours."""
    for body in (
        b'{"<script>": 1}',
        b'{"images": "<script>"}',
        b'{"inputs": [{"name": "<script>"}]}',
    ):
        for door in DOORS:
            answer = server.ask("POST", door, body, content_type="application/json")
            assert answer.status == 400
            assert "script" not in answer.json["error"]
            assert "serving/" not in answer.json["error"]
