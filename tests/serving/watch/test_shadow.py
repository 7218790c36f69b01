"""The challenger answers beside the primary, unseen: agreement is counted, nobody waits."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.arrays import Probabilities
from serving.counts.sheet import Recorder, Sheet
from serving.models.model import Model, load
from serving.server import MODEL_REFUSED
from serving.watch.shadow import Shadow
from tests.serving.live import Server, serving, start_process
from tests.serving.load import eventually, replace
from tests.serving.onnx_files import answers, build_model, version

Images = NDArray[np.uint8]


def outcomes(server: Server) -> dict[str, float]:
    names = ("agreed", "disagreed", "dropped", "failed")
    labels = 'role="challenger",model="digits-classifier"'
    sample = f"serving_shadow_images_total{{{labels},outcome="
    return {name: server.metric(f'{sample}"{name}"}}') for name in names}


def ask(server: Server, images: Images) -> NDArray[np.float32]:
    reply = server.ask(
        "POST", "/predict", images.tobytes(), content_type="application/octet-stream"
    )
    return reply.probabilities


def test_agreement_is_counted_over_all_workers(
    tiny_model: Path, tmp_path: Path, images: Images
) -> None:
    """Every image of a full share is compared or counted as dropped; replies are the primary's."""
    content = build_model(seed=5)
    other = tmp_path / "other.onnx"
    other.write_bytes(content)
    primary = answers(tiny_model.read_bytes(), images)
    flags = ("--challenger", str(other), "--shadow", "1", "--workers", "2")
    with serving("--model", str(tiny_model), *flags) as server:
        loads = 'serving_model_loads_total{role="challenger"}'
        assert server.metric(loads) == 2, "ready means that every worker has both models"
        rounds = 6
        for done in range(1, rounds + 1):
            np.testing.assert_allclose(ask(server, images), primary, atol=1e-6)
            wanted = done * len(images)
            eventually(lambda: sum(outcomes(server).values()) >= wanted, "all are counted")  # noqa: B023 - called here
        found = outcomes(server)
        assert sum(found.values()) == rounds * len(images)
        assert found["failed"] == 0
        agreed = (primary.argmax(axis=1) == answers(content, images).argmax(axis=1)).mean()
        compared = found["agreed"] + found["disagreed"]
        assert compared > 0
        assert found["agreed"] / compared == agreed


def test_a_share_is_a_share(tiny_model: Path, images: Images) -> None:
    """One request of four, in turn; a model agrees with itself."""
    flags = ("--challenger", str(tiny_model), "--shadow", "0.25")
    with serving("--model", str(tiny_model), *flags) as server:
        for _ in range(8):
            ask(server, images[:1])
        eventually(lambda: sum(outcomes(server).values()) == 2, "two of eight are compared")
        assert outcomes(server)["disagreed"] == 0


def test_another_challenger_starts_from_zero(
    tiny_model: Path, tmp_path: Path, images: Images
) -> None:
    """Agreement is of the challenger that is loaded now."""
    path = tmp_path / "challenger.onnx"
    path.write_bytes(build_model(seed=5))
    flags = ("--challenger", str(path), "--shadow", "1", "--watch", "0.05")
    with serving("--model", str(tiny_model), *flags) as server:
        ask(server, images)
        eventually(lambda: outcomes(server)["disagreed"] > 0, "the first is compared")
        replace(path, tiny_model.read_bytes())
        loads = 'serving_model_loads_total{role="challenger"}'
        eventually(lambda: server.metric(loads) == 2, "the second is loaded")
        assert sum(outcomes(server).values()) == 0
        ask(server, images)
        eventually(lambda: outcomes(server)["agreed"] == len(images), "the second is compared")
        assert outcomes(server)["disagreed"] == 0


def test_without_a_share_nothing_is_compared(tiny_model: Path, images: Images) -> None:
    """--shadow 0 keeps the challenger for those who ask for its version."""
    flags = ("--challenger", str(tiny_model), "--shadow", "0")
    with serving("--model", str(tiny_model), *flags) as server:
        ask(server, images)
        assert sum(outcomes(server).values()) == 0


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (build_model(classes=3), "has 10 classes, not 3 as its challenger has"),
        (build_model(shape=(1, 32, 32)), "has images of (1, 28, 28), not (1, 32, 32)"),
    ],
)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_different_tasks_are_not_compared(
    tiny_model: Path, tmp_path: Path, other: bytes, words: str, workers: str
) -> None:
    """One line at the start, before agreement is counted that means nothing; --shadow 0 serves."""
    path = tmp_path / "other.onnx"
    path.write_bytes(other)
    flags = ("--model", str(tiny_model), "--challenger", str(path), "--workers", workers)
    process = start_process(*flags)
    _, log = process.communicate(timeout=30)
    assert process.returncode == MODEL_REFUSED
    assert words in log
    assert len(log.splitlines()) == 1
    with serving(*flags, "--shadow", "0") as server:
        assert server.get("/model")["challenger"]["version"] == version(other)


class Slow(Model):
    """A model that answers when it is let."""

    def __init__(self, model: Model) -> None:
        self.facts = model.facts
        self._model = model
        self.running, self.may_answer = threading.Event(), threading.Event()

    def __call__(self, images: Images) -> Probabilities:
        self.running.set()
        self.may_answer.wait()
        return self._model(images)


def alone(path: Path) -> tuple[Model, Recorder, Shadow]:
    """A shadow without a server, that takes every run; and a model to follow."""
    recorder = Recorder(Sheet(1), 0)
    return load(path.read_bytes(), threads=1), recorder, Shadow(recorder, share=1)


def test_counts_are_of_one_challenger(tiny_model: Path, images: Images) -> None:
    """What the one before still answers is not counted; what the new one drops at once is."""
    model, recorder, shadow = alone(tiny_model)
    first, second = Slow(model), Slow(model)
    probabilities = model(images)
    shadow.follow(first)
    shadow(images[:7], probabilities[:7])
    assert first.running.wait(10)
    shadow.follow(second)
    shadow(images, probabilities)  # waits for the thread
    shadow(images, probabilities)  # nowhere to wait
    first.may_answer.set()
    second.may_answer.set()
    counted = {
        name: recorder.counter("shadow_images_total", "challenger", name)
        for name in ("agreed", "dropped")
    }
    eventually(lambda: counted["agreed"].value > 0, "the second is compared")
    assert {name: counter.value for name, counter in counted.items()} == {
        "agreed": len(images),
        "dropped": len(images),
    }


class Busy(Model):
    """A model that takes its time of the processor."""

    def __init__(self, model: Model) -> None:
        self.facts = model.facts
        self._model = model
        self.running, self.done = threading.Event(), threading.Event()

    def __call__(self, images: Images) -> Probabilities:
        self.running.set()
        start_s = time.thread_time()
        while time.thread_time() - start_s < 0.2:
            pass
        self.done.set()
        return self._model(images)


def test_it_rests_after_a_comparison(tiny_model: Path, images: Images) -> None:
    """0.2 s of comparing are followed by 20 s in which the primary has the processor."""
    model, recorder, shadow = alone(tiny_model)
    shadow.follow(Busy(model))
    agreed, dropped = (
        recorder.counter("shadow_images_total", "challenger", name)
        for name in ("agreed", "dropped")
    )
    shadow(images, model(images))
    eventually(lambda: agreed.value == len(images), "the first is compared")
    for _ in range(5):
        shadow(images[:1], model(images[:1]))
        time.sleep(0.3)  # long enough to compare it
    eventually(lambda: agreed.value + dropped.value == len(images) + 5, "all are counted")
    assert dropped.value >= 4, "one may come before the thread has looked at its clock"


def test_another_challenger_does_not_rest_for_the_one_before(
    tiny_model: Path, images: Images
) -> None:
    """It may start at once, whatever the other took."""
    model, recorder, shadow = alone(tiny_model)
    first = Busy(model)
    shadow.follow(first)
    probabilities = model(images)
    shadow(images, probabilities)
    assert first.running.wait(10)
    shadow.follow(model)
    assert first.done.wait(10)
    time.sleep(0.3)  # it would rest by now
    agreed = recorder.counter("shadow_images_total", "challenger", "agreed")

    def compared() -> bool:
        shadow(images, probabilities)
        return agreed.value > 0

    eventually(compared, "the second is compared")
