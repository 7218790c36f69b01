"""What people corrected: reviewed, kept by DVC, trained on but for a quarter."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.arrays import Split
from pipeline.lifecycle import feedback, review
from pipeline.lifecycle.feedback import FeedbackError

SHAPE = (1, 8, 8)
CLASSES = ("0", "1", "a/b")


def put(folder: Path, label: str, seed: int, *, name: str = "", size: int = 8) -> Path:
    """Write a file as the server does."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size)).astype(np.uint8)
    path = folder / "digits" / label / f"{name or f'{seed:08x}'.ljust(64, '0')}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def load(root: Path, dataset: str = "digits") -> feedback.Feedback:
    return feedback.load(root, dataset=dataset, classes=CLASSES, shape=SHAPE)


def test_a_quarter_is_held_out_and_never_changes_sides(tmp_path: Path) -> None:
    """The file's own hash says which; more feedback moves nothing."""
    reviewed = tmp_path / "reviewed"
    for seed in range(8):
        put(reviewed, "1", seed)
    put(reviewed, "a%2Fb", 9)
    before = load(tmp_path)
    assert (len(before.train), len(before.held_out)) == (7, 2)
    assert before.train.labels.tolist() == [1] * 6 + [2]
    for seed in range(20, 40):
        put(reviewed, "0", seed)
    after = load(tmp_path)
    kept = {image.tobytes() for image in after.held_out.images}
    assert {image.tobytes() for image in before.held_out.images} <= kept
    assert not kept & {image.tobytes() for image in after.train.images}


def test_feedback_of_another_data_set_is_not_taken(tmp_path: Path) -> None:
    """A model of another set errs on other things."""
    put(tmp_path / "reviewed", "1", 1)
    found = load(tmp_path, "mnist")
    assert len(found.train) == len(found.held_out) == 0
    split = Split(np.zeros((2, *SHAPE), np.uint8), np.zeros(2, np.int64))
    assert feedback.join(split, found.train) is split
    assert len(feedback.join(split, load(tmp_path).train)) == 3


@pytest.mark.parametrize(
    ("label", "size", "reason"),
    [("7", 8, "labelled '7', and the classes are 0, 1, a/b"), ("1", 9, r"is uint8 \[1, 9, 9\]")],
)
def test_misfits_are_named(tmp_path: Path, label: str, size: int, reason: str) -> None:
    """Unknown class, other size: the file, what is allowed, what to do."""
    put(tmp_path / "reviewed", label, 1, size=size)
    with pytest.raises(FeedbackError, match=reason):
        load(tmp_path)


def test_torn_file_is_named(tmp_path: Path) -> None:
    """Nothing half read is trained on."""
    path = put(tmp_path / "reviewed", "1", 1)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(FeedbackError, match="remove it"):
        load(tmp_path)


def test_review_shows_then_takes(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A page first; then DVC keeps the snapshot, and what is in doubt stays behind."""
    subprocess.run(["dvc", "init", "--quiet"], cwd=repository, check=True)
    inbox = repository / "inbox"
    with pytest.raises(FeedbackError, match="holds no feedback"):
        review.main(["--inbox", str(inbox)])
    sound = put(inbox, "1", 1)
    doubted = [put(inbox, "1", 2, name="aa"), put(inbox, "0", 2, name="bb")]
    review.main(["--inbox", str(inbox)])
    assert "1 images (1: 1); 2 left out" in capsys.readouterr().out
    page = (inbox / "review.html").read_text()
    assert page.count("<img") == 3
    assert "http" not in page
    review.main(["--inbox", str(inbox), "--accept"])
    assert not sound.exists()
    assert all(path.exists() for path in doubted)
    taken = repository / "data" / "feedback" / "reviewed" / "digits" / "1" / sound.name
    assert taken.exists()
    assert (repository / "data" / "feedback" / "reviewed.dvc").exists()
    with pytest.raises(FeedbackError, match="under two labels"):
        review.main(["--inbox", str(inbox), "--accept"])


def test_failed_snapshot_loses_nothing(repository: Path) -> None:
    """Without a DVC repository nothing is removed from the inbox."""
    path = put(repository / "inbox", "1", 1)
    with pytest.raises(FeedbackError, match=r"dvc add .* failed"):
        review.main(["--inbox", str(repository / "inbox"), "--accept"])
    assert path.exists()
