"""One row a picture, whatever it holds; whose answers they are; what the summary counts."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.scoring.jobs import Done, picture, pixels, scored
from tests.serving.onnx_files import answers, build_model, version

UNDECODABLE = os.fsdecode(b"\xff\xfe.png")
LIMITS = {
    "familiarity": {"method": "mean", "kept": 0.95, "threshold": 0.5, "images": 100},
    "conformal": None,
    "temperature": 1.0,
}
REFERENCE = {"intensity": {"edges": [0, 25.5, 255], "fractions": [0.5, 0.5]}}


def bomb() -> bytes:
    """A small file of many pixels."""
    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a histogram of training's levels, half of which were dark; what it knows is bright."""
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    path.write_bytes(build_model(reference=REFERENCE, limits=LIMITS))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 pictures, and what else lies in people's folders."""
    root = tmp_path_factory.mktemp("pictures")
    for number in range(300):
        path = root / str(number % 3) / f"{number:03}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture(number))
    (root / "0" / "cut.png").write_bytes(picture(0)[:100])
    (root / "0" / "empty.png").write_bytes(b"")
    (root / "0" / "note.jpg").write_text("no picture")
    (root / "0" / "bomb.png").write_bytes(bomb())
    (root / "0" / "dangling.png").symlink_to("nowhere")
    (root / "0" / "linked.png").symlink_to(root / "1" / "001.png")
    with (root / "0" / "sparse.png").open("wb") as file:
        file.truncate(40 << 20)
    os.mkfifo(root / "0" / "pipe.png")
    (root / "no class").mkdir()
    (root / "no class" / UNDECODABLE).write_bytes(picture(1))
    (root / ".hidden").mkdir()
    (root / ".hidden" / "thumbnail.png").write_bytes(picture(1))
    return root


@pytest.fixture(scope="module")
def done(folder: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    output = tmp_path_factory.mktemp("scores") / "out"
    options = ("--model", str(model), "--labels", "folder", "--slice", "64", "--workers", "2")
    return scored(folder, output, *options)


def test_every_file_has_one_row(done: Done, folder: Path) -> None:
    """Hidden ones have none; a name that is no UTF-8 is spelled out."""
    files = [path for path in folder.rglob("*") if not path.is_dir() and ".hidden" not in str(path)]
    paths = done.table.column("path").to_pylist()
    assert len(paths) == len(files) == 309
    assert len(set(paths)) == 309
    assert f"{folder}/no class/\\xff\\xfe.png" in paths


def test_answers_are_the_models(done: Done, folder: Path, model: Path) -> None:
    """To the last bit, with the class of the largest probability; links are followed."""
    content = model.read_bytes()
    for name in ("1/001.png", "0/000.png", "2/299.png", "0/linked.png"):
        row = done.rows[f"{folder}/{name}"]
        expected = answers(content, pixels(folder / name))[0]
        assert row["probabilities"] == expected.tolist()
        assert row["probability"] == expected.max()
        assert row["label"] == str(expected.argmax())
        assert row["error"] is None
        assert row["model_version"] == version(content)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cut.png", "truncated"),
        ("empty.png", "empty"),
        ("note.jpg", "not a picture of a known format"),
        ("bomb.png", "pixels"),
        ("dangling.png", "there is no such file"),
        ("sparse.png", "more than 33,554,432 bytes"),
        ("pipe.png", "not a regular file"),
    ],
)
def test_a_file_without_an_answer_says_why(name: str, said: str, done: Done, folder: Path) -> None:
    """Its answer is null; nobody waits for a pipe."""
    row = done.rows[f"{folder}/0/{name}"]
    assert said in row["error"]
    assert row["label"] is row["probability"] is row["probabilities"] is None


def test_the_parts_say_whose_answers_they_are(done: Done, model: Path) -> None:
    """Model, data set, parameters and classes, in each file; the order of columns is fixed."""
    for part in done.parts:
        about = pq.read_metadata(done.output / part).metadata
        assert about[b"model.version"].decode() == version(model.read_bytes())
        assert about[b"dataset.sha256"] == b"0" * 64
        assert about[b"params.sha256"] == b"2" * 64
        assert json.loads(about[b"classes"]) == [str(at) for at in range(10)]
    assert done.table.column_names == [
        *("path", "label", "probability", "probabilities", "familiarity", "error"),
        *("model_version", "truth"),
    ]


def test_the_summary_counts_by_hand(done: Done) -> None:
    """Answers by class, errors by kind with examples, accuracy and confusion of folder names."""
    rows, found = list(done.rows.values()), done.summary
    good = [row for row in rows if row["error"] is None]
    assert (found["pictures"], found["answered"], found["scored_now"]) == (309, 302, 309)
    assert found["answers"] == {
        name: sum(row["label"] == name for row in good) for name in map(str, range(10))
    }
    kinds = {kind: fault["count"] for kind, fault in found["errors"].items()}
    assert kinds == {
        "broken": 2,
        "cannot be read": 2,
        "no picture, or of a format not read": 1,
        "too large": 2,
    }
    example = found["errors"]["no picture, or of a format not read"]["examples"][0]
    assert example["path"].endswith("0/note.jpg")
    right = sum(row["label"] == row["truth"] for row in good)
    labels = found["labels"]
    assert (labels["labelled"], labels["of_no_class"]) == (301, 1)
    assert labels["accuracy"] == right / 301
    assert labels["confusion"]["2"] == {
        answer: count
        for answer in map(str, range(10))
        if (count := sum((row["truth"], row["label"]) == ("2", answer) for row in good))
    }


def test_what_the_model_does_not_know_is_counted(done: Done, folder: Path) -> None:
    """By its own threshold; familiarity stands in each row, here the mean brightness."""
    good = [row for row in done.rows.values() if row["error"] is None]
    row = done.rows[f"{folder}/1/001.png"]
    expected = (pixels(folder / "1" / "001.png") / 255).mean()
    assert row["familiarity"] == pytest.approx(expected, abs=1e-6)
    assert done.rows[f"{folder}/0/cut.png"]["familiarity"] is None
    below = sum(row["familiarity"] < 0.5 for row in good)
    assert 0 < below < len(good)
    unknown = done.summary["unknown"]
    assert (unknown["count"], unknown["share"]) == (below, below / len(good))
    assert f"unlike all that the model knows: {below}" in done.out


def test_drift_is_the_stability_index_of_all_answered(done: Done, folder: Path) -> None:
    """Against a naive count: noise has a tenth of its pixels in the dark half of training's."""
    levels = [
        np.asarray(Image.open(path)).ravel()
        for path in (Path(row["path"]) for row in done.rows.values() if row["error"] is None)
        if path.exists()
    ]
    levels.append(np.asarray(Image.open(folder / "no class" / UNDECODABLE)).ravel())
    seen = np.array(
        [(np.concatenate(levels) < 25.5).mean(), (np.concatenate(levels) > 25.5).mean()]
    )
    expected = float(((seen - 0.5) * np.log(seen / 0.5)).sum())
    drift = done.summary["drift"]
    assert drift["images"] == 302
    assert drift["indexes"]["intensity"] == pytest.approx(expected)
    assert drift["drifted"]


def test_people_read_a_few_lines(done: Done, model: Path) -> None:
    assert f"309 pictures, 302 answered by digits-classifier {version(model.read_bytes())}" in (
        done.out
    )
    assert "2 broken, such as " in done.out
    assert (
        "drift: the pictures differ from training's; the largest index is intensity's" in done.out
    )
    assert "of 301 labelled pictures; 1 labels are no class" in done.out
