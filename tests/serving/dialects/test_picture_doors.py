"""Every door of a real server takes pictures, known by their signature, and names the bad ones."""

import base64
import json
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from numpy.typing import NDArray

from tests.serving.dialects.files import text, written
from tests.serving.live import Answer, Server
from tests.serving.onnx_files import answers

Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]
EXACT = ("PNG", "BMP", "GIF", "TIFF", "PPM")


def near(answer: Answer, wanted: Probabilities) -> None:
    assert np.abs(answer.probabilities - wanted).max() < 1e-6


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize(
    "content_type",
    ["image/jpg", "image/x-anything", None, "application/octet-stream", "text/html",
     "application/json", "application/x-www-form-urlencoded", "application/x-npy",
     "multipart/form-data"],
)  # fmt: skip
def test_the_signature_decides(
    door: Server, images: Images, wanted: Probabilities, kind: str, content_type: str | None
) -> None:
    """Lossless formats give the model's own answer under any Content-Type, or none."""
    fields = {"content_type": content_type} if content_type else {}
    answer = door.ask("POST", "/predict", written(images[0, 0], kind), **fields)
    near(answer, wanted[:1])


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_lossy_formats_are_read(door: Server, kind: str) -> None:
    """A flat grey survives them."""
    flat = np.full((28, 28), 90, np.uint8)
    pixels = door.ask("POST", "/fit", written(flat, kind), content_type="image/png")
    assert pixels.status == 200
    assert np.abs(np.frombuffer(pixels.body, np.uint8).astype(int) - 90).max() <= 2


def test_raw_numbers_that_begin_like_a_bitmap_are_numbers(
    door: Server, model: Path, images: Images
) -> None:
    """Two letters are no signature: a BMP's header must fit its length."""
    raw = b"BM" + images[0].tobytes()[2:]
    for fields in ({"content_type": "application/octet-stream"}, {}):
        answer = door.ask("POST", "/predict", raw, **fields)
        image = np.frombuffer(raw, np.uint8).reshape(1, 1, 28, 28)
        near(answer, answers(model.read_bytes(), image))


def test_base64_of_the_length_of_an_image_is_no_image(
    door: Server, images: Images, wanted: Probabilities
) -> None:
    """Letters taken for pixels would get an answer, and a wrong one."""
    picture = written(images[0, 0])
    packed = text(picture + bytes(-len(picture) % (28 * 28 * 3)))
    assert len(packed) % (28 * 28) == 0
    near(door.ask("POST", "/predict", packed.encode()), wanted[:1])


def test_the_forms_of_text(door: Server, images: Images, wanted: Probabilities) -> None:
    """base64 in lines, of the URL alphabet, without padding, data: URLs; alone or in a list."""
    picture = written(images[0, 0])
    mime = base64.encodebytes(picture).decode()
    url = base64.urlsafe_b64encode(picture).decode().rstrip("=")
    forms = [text(picture), mime, mime.replace("\n", "\r\n"), url, f"data:image/png;base64,{url}"]
    near(door.predict({"images": forms}), np.repeat(wanted[:1], len(forms), axis=0))
    for form in forms:
        near(door.predict({"images": form}), wanted[:1])
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            near(door.ask("POST", "/predict", form.encode(), content_type=kind), wanted[:1])
        for fields in ({"content_type": "application/octet-stream"}, {}):
            near(door.ask("POST", "/predict", form.encode(), **fields), wanted[:1])
    form_field = requests.post(f"{door.url}/predict", data={"image": forms[-1]}, timeout=20)
    assert len(form_field.json()["predictions"]) == 1
    two = requests.post(f"{door.url}/predict", data={"images[]": forms[:2]}, timeout=20)
    assert len(two.json()["predictions"]) == 2


def test_json_needs_no_type(door: Server, images: Images, wanted: Probabilities) -> None:
    """`curl -d` says form, others nothing: the brace tells."""
    body = json.dumps({"images": images[:1].tolist()}).encode()
    for fields in ({}, {"content_type": "application/x-www-form-urlencoded"}):
        near(door.ask("POST", "/predict", body, **fields), wanted[:1])


def test_clients_of_multipart(door: Server, images: Images, wanted: Probabilities) -> None:
    """requests, curl and .NET's unquoted names."""
    picture = written(images[0, 0])
    for name in ("image", "images", "file"):
        answer = requests.post(f"{door.url}/predict", files={name: ("a.png", picture)}, timeout=20)
        assert answer.json()["predictions"][0]["index"] == wanted[0].argmax()
    done = subprocess.run(
        ["curl", "-sS", "-F", "images=@-;filename=a.png", f"{door.url}/predict"],
        input=picture, capture_output=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["predictions"][0]["index"] == wanted[0].argmax()
    dotnet = (
        b"--b\r\nContent-Disposition: form-data; name=images; filename=seven.png; "
        b"filename*=utf-8''seven.png\r\n\r\n" + picture + b"\r\n--b--\r\n"
    )
    kind = 'multipart/form-data; boundary="b"'
    near(door.ask("POST", "/predict", dotnet, content_type=kind), wanted[:1])
    other = requests.post(f"{door.url}/predict", files={"photo": picture}, timeout=20)
    assert other.status_code == 400
    assert "image, images, file" in other.json()["error"]


def batch(images: Images) -> list[str]:
    """A good picture, one cut short, no base64, a PDF, too many pixels, a good one."""
    good = written(images[0, 0])
    bomb = bytearray(good)
    struct.pack_into(">LL", bomb, 16, 20_000, 20_000)
    struct.pack_into(">L", bomb, 29, zlib.crc32(bomb[12:29]))
    return [text(good), text(good[:-30]), "!!!", text(b"%PDF-1.7" * 9), text(bytes(bomb)),
            text(written(images[1, 0]))]  # fmt: skip


def test_an_error_in_a_batch_names_the_index(door: Server, images: Images) -> None:
    """The first bad picture's, counted from 0 as in `predictions`; alone, there is nothing to."""
    pictures = batch(images)
    for at, status in ((1, 400), (2, 400), (3, 415), (4, 413)):
        answer = door.predict({"images": [pictures[0], pictures[at]]})
        assert answer.status == status
        assert answer.json["error"].startswith("image 1: ")
        alone = door.predict({"images": [pictures[at]]})
        assert alone.status == status
        assert not alone.json["error"].startswith("image 0")


def test_errors_each_answers_the_good_ones(
    door: Server, images: Images, wanted: Probabilities
) -> None:
    """What is wrong stands in its place; 200, also where all are bad."""
    pictures = batch(images)
    body = json.dumps({"images": pictures}).encode()
    answer = door.ask("POST", "/predict?errors=each", body, content_type="application/json")
    found = answer.json["predictions"]
    assert [one.get("status") for one in found] == [None, 400, 400, 415, 413, None]
    assert all(set(one) == {"error", "status"} for one in found[1:5])
    for one, row in ((found[0], wanted[0]), (found[5], wanted[1])):
        values = np.array(list(one["probabilities"].values()), np.float32)
        assert np.abs(values - row).max() < 1e-6
    all_bad = json.dumps({"images": pictures[1:5]}).encode()
    answer = door.ask("POST", "/predict?errors=each&top_k=2", all_bad, content_type="x/x+json")
    assert answer.status == 200
    assert [one["status"] for one in answer.json["predictions"]] == [400, 400, 415, 413]
    assert door.ask("POST", "/predict?errors=all", body).status == 400
    assert door.ask("POST", "/fit?errors=each", body).status == 400


def test_errors_each_leaves_numbers_and_good_batches_as_they_are(
    door: Server, images: Images, wanted: Probabilities
) -> None:
    """Numbers are one array: they stand or fall together."""
    path = "/predict?errors=each"
    near(door.ask("POST", path, images[:3].tobytes()), wanted[:3])
    bad = json.dumps({"images": [[[0.5] * 28] * 28] * 2}).encode()
    assert door.ask("POST", path, bad, content_type="application/json").status == 400


def test_invocations_takes_base64(door: Server, images: Images, wanted: Probabilities) -> None:
    """In inputs, instances and the cells of data frames."""
    pictures = [text(written(one[0])) for one in images[:2]]
    bodies: list[dict[str, Any]] = [
        {"inputs": pictures},
        {"inputs": {"images": pictures}},
        {"instances": pictures},
        {"dataframe_records": [{"images": one} for one in pictures]},
        {"dataframe_split": {"columns": ["images"], "data": [[one] for one in pictures]}},
    ]
    for body in bodies:
        sent = json.dumps(body).encode()
        answer = door.ask("POST", "/invocations", sent, content_type="application/json")
        found = np.array(answer.json["predictions"]["probabilities"], np.float32)
        assert np.abs(found - wanted[:2]).max() < 1e-6
    mixed = json.dumps({"dataframe_records": [{"images": pictures[0]}, {"images": [1]}]}).encode()
    refused = door.ask("POST", "/invocations", mixed, content_type="application/json")
    assert refused.status == 400


def test_feedback_takes_what_predict_takes(door: Server, images: Images) -> None:
    """The same picture in any lossless format is the same file."""
    for index, kind in enumerate(EXACT):
        url = f"data:image/x;base64,{text(written(images[0, 0], kind))}"
        body = json.dumps({"image": url, "label": "7", "version": "0123456789ab"}).encode()
        answer = door.ask("POST", "/feedback", body, content_type="application/json")
        assert answer.json["new"] is (index == 0)


def test_fit_digit_is_for_models_of_digits(door: Server, server: Server, images: Images) -> None:
    """By name it is refused where the rules do not say digit; auto then squeezes."""
    picture = written(np.full((60, 60), 255, np.uint8))
    assert door.ask("POST", "/predict?fit=digit", picture).status == 400
    assert door.ask("POST", "/predict?fit=digit", images[:1].tobytes()).status == 400
    assert set(door.ask("POST", "/fit", picture).body) == {255}
    assert set(server.ask("POST", "/fit", picture).body) == {0}, "version 0: a sheet without ink"
    assert set(server.ask("POST", "/fit?fit=resize", picture).body) == {255}
