"""What is asked is compared with what the model learned from, over all workers."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import contract.drift
from serving.counts.sheet import Recorder, Sheet
from serving.models.model import load
from serving.watch import drift
from tests.serving.live import Server, serving
from tests.serving.onnx_files import build_model

Images = NDArray[np.uint8]
SIZE = 28


def strokes(count: int, seed: int) -> Images:
    """Bright lines around the middle: what a digit's drift is recognised by, without a data set."""
    generator = np.random.default_rng(seed)
    images = np.zeros((count, 1, SIZE, SIZE), np.uint8)
    for image in images:
        picture = Image.new("L", (SIZE, SIZE))
        points = [tuple(point) for point in generator.integers(6, 22, (4, 2)).tolist()]
        ImageDraw.Draw(picture).line(points, fill=255, width=int(generator.integers(1, 4)))
        image[0] = np.asarray(picture)
    return images


def measured(images: Images) -> dict[str, NDArray[np.float64]]:
    """The definitions of the contract, image by image: the oracle."""
    rows: dict[str, list[float]] = {"ink_mass": [], "centre_row": [], "centre_column": []}
    for image in images.astype(np.float64):
        plane = image.mean(axis=0)
        at = np.arange(SIZE)
        rows["ink_mass"].append(image.mean() / 255)
        rows["centre_row"].append((plane.sum(axis=1) * at).sum() / plane.sum() / (SIZE - 1))
        rows["centre_column"].append((plane.sum(axis=0) * at).sum() / plane.sum() / (SIZE - 1))
    return {name: np.array(values) for name, values in rows.items()}


def histogram(values: NDArray[Any], edges: NDArray[np.float64]) -> dict[str, list[float]]:
    counts, _ = np.histogram(values, edges)
    return {"edges": edges.tolist(), "fractions": (counts / counts.sum()).tolist()}


def reference(images: Images) -> dict[str, Any]:
    found = {"intensity": histogram(images, np.linspace(0, 255, 11))}
    for name, values in measured(images).items():
        edges = np.unique([0, *np.quantile(values, np.arange(1, 10) / 10), 1])
        found[name] = histogram(values, edges)
    return found


@pytest.fixture(scope="module")
def content() -> bytes:
    answers = {
        "classes": [0.1] * 10,
        "confidence": {"edges": [0, 0.5, 1], "fractions": [0.5, 0.5]},
    }
    return build_model(reference=reference(strokes(4000, 0)), answers=answers)


@pytest.fixture(scope="module")
def model_file(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("watched") / "model.onnx"
    path.write_bytes(content)
    return path


def send(server: Server, images: Images) -> None:
    for start in range(0, len(images), 256):
        part = images[start : start + 256].tobytes()
        answer = server.ask("POST", "/predict", part, content_type="application/octet-stream")
        assert answer.status == 200


@pytest.mark.parametrize("workers", ["1", "2"])
def test_shifted_images_raise_it_and_the_like_do_not(model_file: Path, workers: str) -> None:
    """The same view from every worker; below 0.1 for the like, above 0.25 for the shifted."""
    with serving("--model", str(model_file), "--workers", workers) as server:
        empty = server.get("/drift")
        assert empty["watched"]
        assert empty["indexes"]["intensity"] is None
        send(server, strokes(1024, 1))
        for _ in range(4):
            calm = server.get("/drift")
            assert calm["images"] >= contract.drift.LEAST
            assert not calm["drifted"]
            assert all(calm["indexes"][name] < 0.1 for name in contract.drift.INPUTS)
        send(server, np.roll(strokes(1024, 2), 4, axis=3))
        moved = server.get("/drift")
        assert moved["drifted"]
        assert moved["recent"]["indexes"]["centre_column"] > 0.25
        assert moved["indexes"]["centre_row"] < 0.1
        sample = 'serving_drift_index{feature="centre_column",window="recent"}'
        assert server.metric(sample) > 0.25


def test_inverted_images_raise_it(model_file: Path) -> None:
    """Light where dark was: intensity and mass."""
    with serving("--model", str(model_file)) as server:
        send(server, 255 - strokes(512, 1))
        found = server.get("/drift")
        assert found["drifted"]
        assert found["indexes"]["intensity"] > 0.25
        assert found["indexes"]["ink_mass"] > 0.25


def test_model_without_statistics_is_not_watched(server: Server) -> None:
    """It is served all the same, and says so."""
    found = server.get("/drift")
    assert not found["watched"]
    assert found["indexes"] == {}


def test_counts_are_those_of_the_definition(content: bytes) -> None:
    """Every bin of every feature agrees with numpy's histogram of naive figures."""
    facts = load(content, threads=1).facts
    expected = drift.expectation(facts)
    assert expected is not None
    recorder = Recorder(Sheet(1), 0)
    images = strokes(300, 3)
    probabilities = np.random.default_rng(0).dirichlet(np.ones(10), 300).astype(np.float32)
    watch = drift.Watch(expected, recorder, "primary")
    for start in range(0, 300, 30):
        watch(images[start : start + 30], probabilities[start : start + 30])
    seen = drift.seen_by_all(recorder.sheet, "primary")[0]
    assert seen[0] == 300
    values = measured(images) | {"intensity": images, "confidence": probabilities.max(axis=1)}
    for feature in expected.features:
        if feature.name == "predicted_class":
            counts = np.bincount(probabilities.argmax(axis=1), minlength=10)
        else:
            counts, _ = np.histogram(values[feature.name], feature.edges)
        assert seen[feature.at].tolist() == counts.tolist(), feature.name


def test_index_is_the_naive_sum() -> None:
    """Zero for equal fractions; else the textbook sum, empty bins held above zero."""
    assert contract.drift.stability_index(np.array([0.5, 0.5]), np.array([3.0, 3.0])) == 0
    found = contract.drift.stability_index(np.array([0.5, 0.5]), np.array([9.0, 1.0]))
    assert found == pytest.approx(0.4 * np.log(0.9 / 0.5) - 0.4 * np.log(0.1 / 0.5))
    assert np.isfinite(contract.drift.stability_index(np.array([1.0, 0.0]), np.array([0.0, 5.0])))


def test_old_images_are_forgotten(content: bytes) -> None:
    """A view holds the last one to two windows, so that drift shows soon and goes again."""
    expected = drift.expectation(load(content, threads=1).facts)
    assert expected is not None
    recorder = Recorder(Sheet(1), 0)
    watch = drift.Watch(expected, recorder, "primary", _credit_s=1e9)
    images, probabilities = strokes(25, 4), np.full((25, 10), 0.1, np.float32)
    recent = []
    for _ in range(120):
        watch._credit_s = drift.BURST_S  # noqa: SLF001 - time is not what is tested
        watch(images, probabilities)
        recent.append(drift.seen_by_all(recorder.sheet, "primary")[1][0])
    assert max(recent) == 1000
    assert recent[-1] >= 500
    assert all(before < after or after <= 750 for before, after in pairwise(recent))
    drift.Watch(expected, recorder, "primary")  # another model begins anew
    assert drift.seen_by_all(recorder.sheet, "primary")[0][0] == 0
