"""Figure 3 of the post: photos of a dog, a cat, a boat, a bird, from their folders to HTTP."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.data import arrays
from tests.end_to_end import photos
from tests.end_to_end.project import Project, sha256
from tests.pipeline.data.folder_of_pictures import read
from tests.serving.live import Answer, Server, serving

pytestmark = pytest.mark.soak

FEW_PHOTOS: dict[str, dict[str, object]] = {"train": {"epochs": 20, "batch_size": 16}}
NAMES = sorted(photos.CLASSES)
TYPES = {".jpg": "image/jpeg", ".png": "image/png"}
TOLERANCE = 1e-6  # of a probability, through whichever door (docs/http.md)
Rows = NDArray[np.float32]


@pytest.fixture
def trained(pictured: Project) -> Project:
    """All stages have run on the photos."""
    pictured.set_params(FEW_PHOTOS)
    pictured.run("dvc", "repro")
    return pictured


def test_photos_become_a_server_that_names_them(trained: Project) -> None:
    """Learned, measured, then asked over HTTP: four probabilities by name, whose sum is one."""
    measured = trained.json("metrics/evaluate.json")["test"]
    assert measured["accuracy"] >= 0.75
    assert measured["accuracy_low"] > 1 / len(NAMES)  # chance
    with serving("--model", str(trained.root / "models/model.onnx")) as server:
        tells_what_it_knows(trained, server)
        rows = np.load(trained.root / "models/model.predictions.npz")["probabilities"]
        answers_a_batch(trained, server, rows)
        answers_files(trained, server, rows)
        answers_new_photos(server)


def tells_what_it_knows(project: Project, server: Server) -> None:
    """To the page and to clients: the classes, by the folders' names."""
    model = server.get("/model")
    assert (model["classes"], model["image_shape"]) == (NAMES, [3, 32, 32])
    assert model["version"] == sha256(project, "models/model.onnx")[:12]
    assert model["card"]["classes"] == NAMES
    (output, *_) = server.get(f"/v2/models/{model['name']}")["outputs"]
    assert output["shape"] == [-1, len(NAMES)]


def answers_a_batch(project: Project, server: Server, rows: Rows) -> None:
    images = arrays.load(project.root / "data/prepared").test.images
    answer = server.predict({"images": images.tolist()})
    np.testing.assert_allclose(named(answer), rows, atol=TOLERANCE)


def answers_files(project: Project, server: Server, rows: Rows) -> None:
    """Each file of the test split gets what evaluate measured, whatever its size and kind."""
    images = arrays.load(project.root / "data/prepared").test.images
    place = {image.tobytes(): number for number, image in enumerate(images)}
    found = set()
    for path in sorted((project.root / "data/images").glob("*/IMG_*")):
        number = place.get(read(path, 32, 3).tobytes())
        if number is not None:
            answer = sent(server, path.read_bytes(), TYPES[path.suffix])
            np.testing.assert_allclose(named(answer)[0], rows[number], atol=TOLERANCE)
            found.add((number, path.suffix))
    assert len(found) == len(images)
    assert {suffix for _, suffix in found} == set(TYPES)


def answers_new_photos(server: Server) -> None:
    """Photos that no stage has seen; the right class of most of them gets the most."""
    right = 0
    for name in photos.CLASSES:
        for number in range(photos.EACH, photos.EACH + 5):
            file = io.BytesIO()
            photos.photo(name, number).save(file, "JPEG")
            (row,) = named(sent(server, file.getvalue(), "image/jpeg"))
            right += NAMES[row.argmax()] == name
    assert right >= 15, f"{right} of 20"


def sent(server: Server, file: bytes, kind: str) -> Answer:
    return server.ask("POST", "/predict", file, content_type=kind)


def named(answer: Answer) -> Rows:
    """Return the probabilities, once each image has one for every name and they sum to one."""
    for prediction in answer.json["predictions"]:
        assert list(prediction["probabilities"]) == NAMES
        assert prediction["label"] == max(NAMES, key=prediction["probabilities"].__getitem__)
    np.testing.assert_allclose(answer.probabilities.sum(axis=1), 1, atol=TOLERANCE)
    return answer.probabilities
