"""Corrections become files that people review: whole, bounded, never twice."""

import base64
import io
import json
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from serving.counts.sheet import Recorder, Sheet
from serving.errors import Unavailable
from serving.watch.inbox import Inbox
from tests.serving.live import ROOT, Answer, Server, serving, start_process

Images = NDArray[np.uint8]
VERSION = "0123456789ab"


def send(server: Server, image: object, label: object = "7", **more: object) -> Answer:
    body = {"image": image, "label": label, "version": VERSION, **more}
    return server.ask(
        "POST", "/feedback", json.dumps(body).encode(), content_type="application/json"
    )


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*/*"))


def as_png(image: Images) -> str:
    with io.BytesIO() as file:
        Image.fromarray(image[0]).save(file, "PNG")
        return base64.b64encode(file.getvalue()).decode()


def test_it_is_off_by_default(server: Server, images: Images) -> None:
    """Nobody fills a disk that was not offered."""
    assert send(server, images[0].tolist()).status == 404
    assert server.get("/explain")["feedback"] is False


def test_every_form_of_an_image_is_the_same_file(
    tiny_model: Path, tmp_path: Path, images: Images
) -> None:
    """Numbers, PNG and raw pixels: one content, one file, pixel for pixel, with its label."""
    inbox = tmp_path / "inbox"
    with serving("--model", str(tiny_model), "--feedback", str(inbox)) as server:
        assert server.get("/explain")["feedback"] is True
        raw = base64.b64encode(images[0].tobytes()).decode()
        forms: list[Any] = [images[0].tolist(), images[0, 0].tolist(), as_png(images[0]), raw]
        answers = [send(server, form) for form in forms]
        assert [answer.status for answer in answers] == [200] * 4
        assert [answer.json["new"] for answer in answers] == [True, False, False, False]
        (path,) = files(inbox)
        assert path.stem == answers[0].json["id"]
        assert path.parts[-3:-1] == ("mnist", "7")
        with Image.open(path) as picture:
            np.testing.assert_array_equal(np.asarray(picture), images[0, 0])
            assert picture.info["version"] == VERSION
        assert send(server, images[0].tolist(), "1").json["new"], "another label is another word"
        assert server.metric("serving_feedback_images") == 2


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"label": "seven"}, "one of the model's classes"),
        ({"label": 7}, "$.label"),
        ({"version": "latest"}, "12 hex digits"),
        ({"version": None}, "$.version"),
        ({"image": [[1, 2]]}, "must be"),
        ({"image": "!!"}, "base64"),
        ({"image": base64.b64encode(b"\x89PNG").decode()}, ""),
        ({"image": None}, "must be"),
        ({"extra": 1}, "must be an object"),
    ],
)
def test_bad_feedback_is_refused(
    feedback_server: Server, images: Images, change: dict[str, object], word: str
) -> None:
    """400 or 415 with what is allowed; nothing is stored."""
    answer = send(feedback_server, **({"image": images[0].tolist()} | change))
    assert answer.status in {400, 415}
    assert word in answer.json["error"]
    assert feedback_server.metric("serving_feedback_images") == 0


@pytest.fixture(scope="module")
def feedback_server(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:  # noqa: ANN401 - a generator
    folder = tmp_path_factory.mktemp("inbox")
    with serving("--model", str(tiny_model), "--feedback", str(folder)) as server:
        yield server


def test_bounds_hold_over_all_workers(tiny_model: Path, tmp_path: Path, images: Images) -> None:
    """Many callers at once, two workers: as many as allowed, no more; a review makes room."""
    inbox = tmp_path / "inbox"
    flags = ("--feedback", str(inbox), "--feedback-images", "10", "--workers", "2")
    with serving("--model", str(tiny_model), *flags) as server:
        statuses: list[int] = []

        def work(part: Images) -> None:
            statuses.extend(send(server, image.tolist()).status for image in part)

        threads = [threading.Thread(target=work, args=(images[n::4][:8],)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(set(statuses)) == [200, 503]
        assert statuses.count(200) == len(files(inbox)) == 10
        assert server.metric("serving_feedback_images") == 10
        for path in files(inbox)[:4]:
            path.unlink()
        assert send(server, images[40].tolist()).status == 200


def test_what_lies_there_at_start_counts(tiny_model: Path, tmp_path: Path, images: Images) -> None:
    """A restart does not open the bounds anew."""
    (tmp_path / "mnist" / "1").mkdir(parents=True)
    (tmp_path / "mnist" / "1" / "old.png").write_bytes(bytes(1000))
    flags = ("--feedback", str(tmp_path), "--feedback-bytes", "1100")
    with serving("--model", str(tiny_model), *flags) as server:
        answer = send(server, images[0].tolist())
        assert answer.status == 503
        assert "inbox is full" in answer.json["error"]
        assert server.metric("serving_feedback_bytes") == 1000
        assert server.predict({"images": images[0].tolist()}).status == 200


def test_folder_that_cannot_be_written_stops_the_start(tiny_model: Path, tmp_path: Path) -> None:
    """One line, status 2, before the port is taken."""
    (tmp_path / "file").write_text("")
    process = start_process("--model", str(tiny_model), "--feedback", str(tmp_path / "file"))
    _, log = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "--feedback is" in log


FULL = """
import resource, signal, sys
from pathlib import Path
from serving.errors import Unavailable
from serving.watch.inbox import Inbox
from serving.counts.sheet import Recorder, Sheet
inbox = Inbox(Path(sys.argv[1]), Recorder(Sheet(1), 0), most_images=9, most_bytes=1 << 20)
inbox.open()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    inbox.put(Path("a/b/large.png"), bytes(5000))
except Unavailable as error:
    print(error)
inbox.put(Path("a/b/small.png"), bytes(500))
"""


def test_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A disk that takes no more (a file size limit plays it): an answer, no torn file."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "cannot be stored now (File too large)" in done.stdout
    assert [path.name for path in files(tmp_path)] == ["small.png"]


def test_a_disk_that_is_nearly_full_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last megabytes are other people's."""
    inbox = Inbox(tmp_path, Recorder(Sheet(1), 0), most_images=9, most_bytes=1 << 20)
    inbox.open()
    monkeypatch.setattr("serving.watch.inbox.LEAST_FREE_BYTES", 1 << 60)
    with pytest.raises(Unavailable, match="disk is full"):
        inbox.put(Path("a/b/c.png"), b"1")
    assert not files(tmp_path)


def test_names_are_safe(tiny_model: Path) -> None:
    """A class may be called ../etc; its folder is not."""
    from serving.watch.feedback import Note  # noqa: PLC0415 - this test alone

    assert tiny_model.exists()
    note = Note(np.zeros((1, 2, 2), np.uint8), "../a b/..", VERSION, "mnist")
    assert note.path.parts[:2] == ("mnist", "%2E%2E%2Fa b%2F%2E%2E")
    assert os.fspath(note.path).count("..") == 0
    assert resource.getrlimit(resource.RLIMIT_FSIZE)
