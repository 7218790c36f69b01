"""POST /predict on a real server: every content type, the options, the reply."""

import base64
import io
import json
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.serving.live import Server

Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


def png(image: Images) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def multipart(*files: bytes) -> bytes:
    parts = [
        b'--edge\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + content + b"\r\n"
        for content in files
    ]
    return b"".join(parts) + b"--edge--\r\n"


def json_of(value: object) -> bytes:
    return json.dumps({"images": value}).encode()


BODIES: dict[str, tuple[str, Callable[[Images], bytes], int]] = {
    "json batch": ("application/json", lambda x: json_of(x.tolist()), 64),
    "json floats": (
        "application/json; charset=utf-8",
        lambda x: json.dumps({"images": x[:2].astype(float).tolist()}, indent=1).encode(),
        2,
    ),
    "json [H][W]": ("application/json", lambda x: json_of(x[0, 0].tolist()), 1),
    "json base64": (
        "application/json",
        lambda x: json.dumps(
            {"images": [base64.b64encode(png(one[0])).decode() for one in x[:3]]}
        ).encode(),
        3,
    ),
    "png": ("image/png", lambda x: png(x[0, 0]), 1),
    "multipart": (
        "multipart/form-data; boundary=edge",
        lambda x: multipart(*[png(one[0]) for one in x[:2]]),
        2,
    ),
    "raw": ("application/octet-stream", lambda x: x.tobytes(), 64),
    "npy": ("application/x-npy", npy, 64),
    "npy [H,W]": ("application/x-npy", lambda x: npy(x[0, 0]), 1),
    "npy fortran": ("application/x-npy", lambda x: npy(np.asfortranarray(x)), 64),
}  # fmt: skip


@pytest.mark.parametrize("form", BODIES)
def test_every_content_type_gives_the_same_probabilities(
    server: Server, images: Images, expected: Probabilities, form: str
) -> None:
    """Whichever way the pixels come, the numbers are those of the model, to 1e-6."""
    content_type, encode, count = BODIES[form]
    answer = server.ask("POST", "/predict", encode(images), content_type=content_type)
    assert np.abs(answer.probabilities - expected[:count]).max() < 1e-6


def test_the_reply_names_model_version_and_label(
    server: Server, images: Images, expected: Probabilities
) -> None:
    """label, index and probability belong to the greatest; all classes in their order."""
    answer = server.predict({"images": images[:1].tolist()})
    model, (prediction,) = answer.json["model"], answer.json["predictions"]
    assert model["name"] == "digits-classifier"
    assert len(model["version"]) == 12
    assert prediction["index"] == expected[0].argmax()
    assert prediction["label"] == str(prediction["index"])
    assert prediction["probability"] == pytest.approx(expected[0].max(), abs=1e-6)
    assert list(prediction["probabilities"]) == [str(i) for i in range(10)]


@pytest.mark.parametrize("k", [1, 3, 10, 999])
def test_top_k_gives_the_greatest_in_falling_order(server: Server, images: Images, k: int) -> None:
    """Above the number of classes: all of them."""
    answer = server.ask(
        "POST", f"/predict?top_k={k}", images[:2].tobytes(), content_type="application/octet-stream"
    )
    for prediction in answer.json["predictions"]:
        values = list(prediction["probabilities"].values())
        assert len(values) == min(k, 10)
        assert values == sorted(values, reverse=True)
        assert values[0] == prediction["probability"]


@pytest.mark.parametrize(
    "query",
    ["top_k=0", "top_k=-1", "top_k=x", "top_k=1.5", "top_k=", "top_k=1&top_k=2", "fit=best", "k=1"],
)
def test_other_options_are_refused(server: Server, images: Images, query: str) -> None:
    """A misspelt option must not pass for a default."""
    answer = server.ask(
        "POST", f"/predict?{query}", images[:1].tobytes(), content_type="application/octet-stream"
    )
    assert answer.status == 400
    assert set(answer.json) == {"error"}


def test_a_version_is_picked_or_not_found(server: Server, images: Images) -> None:
    """The loaded version answers; any other is a 404."""
    version = server.get("/model")["version"]
    for asked, status in ((version, 200), ("0" * 12, 404)):
        answer = server.ask(
            "POST",
            f"/predict/?version={asked}",
            images[:1].tobytes(),
            content_type="application/octet-stream",
        )
        assert answer.status == status


def test_unknown_content_types_are_415(server: Server) -> None:
    """The reply says what was seen, and lists what is read."""
    for content_type, body, seen in (
        ("text/plain", b"x", "no signature"),
        ("image/tiff", b"x", "no signature"),
        ("image/svg+xml", b"<svg/>", "SVG"),
        ("application/pdf", b"%PDF-1.7", "a PDF"),
        ("text/html", bytes(784), "no signature"),
    ):
        answer = server.ask("POST", "/predict", body, content_type=content_type)
        assert answer.status == 415
        assert seen in answer.json["error"]
        assert "PNG" in answer.json["error"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", multipart(b"x")),
        ("multipart/form-data; boundary=edge", b""),
        ("multipart/form-data; boundary=edge", b"--edge--\r\n"),
        ("multipart/form-data; boundary=edge", multipart(b"x")[:-10]),
        ("multipart/form-data; boundary=edge", multipart(b"x").replace(b"images", b"other")),
        ("application/x-npy", npy(np.full((1, 1, 28, 28), 0.5, np.float32))),
        ("application/x-npy", npy(np.zeros((1, 1, 28, 28), np.complex64))),
        ("application/x-npy", npy(np.zeros((0, 1, 28, 28), np.uint8))),
        ("application/x-npy", npy(np.zeros((1, 1, 28, 28), np.uint8))[:-1]),
        ("application/x-npy", npy(np.zeros((28, 27), np.uint8))),
        ("application/x-npy", b"\x93NUMPY\x01\x00\xff\xff"),
        ("application/octet-stream", b""),
        ("application/octet-stream", bytes(783)),
        ("application/octet-stream", bytes(784 * 1025)),
        ("image/png", b""),
        ("image/png", b"\x89PNG\r\n\x1a\n" + bytes(40)),
        ("application/json", b'{"images": ["not base64!"]}'),
        ("application/json", b'{"images": []}'),
    ],
)
def test_malformed_bodies_are_400(server: Server, content_type: str, body: bytes) -> None:
    """JSON with one key, and the next good request is answered."""
    answer = server.ask("POST", "/predict", body, content_type=content_type)
    assert (answer.status, set(answer.json)) == (400, {"error"})
    assert server.ask("GET", "/v2/health/live").status == 200


def test_curl_sends_a_picture(server: Server, images: Images, expected: Probabilities) -> None:
    """As the README shows it."""
    command = ["curl", "-sS", "--data-binary", "@-", "-H", "Content-Type: image/png"]
    done = subprocess.run(
        [*command, f"{server.url}/predict"],
        input=png(images[0, 0]),
        capture_output=True,
        check=True,
    )
    found = json.loads(done.stdout)["predictions"][0]
    assert found["index"] == expected[0].argmax()


def test_a_pickle_is_never_opened(server: Server) -> None:
    """An object array in a .npy is refused before anything is unpickled."""
    body = npy(np.array([[object]], dtype=object))
    answer = server.ask("POST", "/predict", body, content_type="application/x-npy")
    assert answer.status == 400
