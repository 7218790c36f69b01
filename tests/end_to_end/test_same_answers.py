"""People's pictures through `dvc repro` and a server: what is served is what was evaluated."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.reading.decoders import can_read
from contract.reading.rules import FORMATS
from pipeline.data import arrays
from pipeline.export.onnx_run import open_session, predict
from tests.end_to_end import picture_doors, picture_sets
from tests.end_to_end.project import Project
from tests.serving.live import Server, serving

pytestmark = pytest.mark.soak

FEW_PICTURES: dict[str, dict[str, object]] = {
    "data": {"dataset": "folder", "folder_size": 32, "folder_colour": "rgb"},
    "train": {"epochs": 15, "batch_size": 16},
}
TOLERANCE = 1e-6  # docs/http.md: of a probability, through whichever door


@pytest.mark.parametrize(
    ("make", "formats"),
    [
        pytest.param(picture_sets.logos, {"PNG", "WEBP", "TIFF", "AVIF"}, id="logos"),
        pytest.param(
            picture_sets.of_every_format,
            {name for name in FORMATS if can_read(name)},
            id="of_every_format",
            marks=pytest.mark.soak_all,
        ),
    ],
)
def test_served_answers_are_those_evaluated(
    make: Callable[[Path], None], formats: set[str], project: Project
) -> None:
    """Of every test and training file the probabilities, so the accuracy, too; none is refused."""
    images, model = project.root / "data/images", project.root / "models/model.onnx"
    (project.root / "dvc.lock").unlink(missing_ok=True)
    make(images)
    project.set_params(FEW_PICTURES)
    project.run("dvc", "repro")
    prepared = arrays.load(project.root / "data/prepared")
    evaluated = project.json("metrics/evaluate.json")["test"]["accuracy"]
    tested = np.load(project.root / "models/model.predictions.npz")["probabilities"]
    shown = np.concatenate([prepared.train.images, prepared.val.images])
    shown_labels = np.concatenate([prepared.train.labels, prepared.val.labels])
    learned = predict(open_session(model), shown, batch_size=64)
    assert set(prepared.dataset.formats) == formats
    assert evaluated > 0.7
    with serving("--model", str(model), "--no-access-log") as server:
        rows, labels = served(server, images / "test", prepared.dataset.classes)
        assert accuracy(rows, labels) == pytest.approx(evaluated, abs=1e-8)
        assert farthest(rows, tested) <= TOLERANCE
        rows, labels = served(server, images / "train", prepared.dataset.classes)
        assert accuracy(rows, labels) == accuracy(learned, shown_labels)
        assert farthest(rows, learned) <= TOLERANCE
        assert not [line for line in server.log if "WARNING" in line]


def served(
    server: Server, folder: Path, classes: tuple[str, ...]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities (N, classes) and labels of all files below the classes' folders."""
    files = [(path, at) for at, name in enumerate(classes) for path in (folder / name).iterdir()]
    answers = [picture_doors.body(server, path.read_bytes()) for path, _ in files]
    rows = [picture_doors.probabilities(answer) for answer in answers]
    return np.stack(rows), np.array([label for _, label in files])


def accuracy(rows: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    return float((rows.argmax(axis=1) == labels).mean())


def farthest(rows: NDArray[np.float64], known: NDArray[np.float32]) -> float:
    """How far any row is from the nearest known one, in whatever order; as many of each."""
    assert rows.shape == known.shape
    away = np.abs(rows[:, None] - known[None]).max(axis=2)
    return float(max(away.min(axis=0).max(), away.min(axis=1).max()))
