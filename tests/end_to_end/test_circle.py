"""From data to a served model and back: the whole circle, with the commands that people type."""

import json
import threading
from pathlib import Path
from typing import Self

import numpy as np
import pytest

from contract.arrays import Images
from pipeline.data import arrays
from tests.end_to_end.project import Project, sha256, wait_for
from tests.serving.live import Server
from tests.serving.live import serving as served

pytestmark = pytest.mark.soak

CHAMPION = "models:/digits-classifier@champion"
BETTER: dict[str, dict[str, object]] = {"train": {"epochs": 25}}
WORSE: dict[str, dict[str, object]] = {"train": {"epochs": 1}}


def promote(project: Project, *flags: str, check: bool = True) -> str:
    return project.run("python", "-m", "pipeline.lifecycle.promotion", *flags, check=check)


def repro(project: Project, changes: dict[str, dict[str, object]], message: str) -> str:
    """Change parameters, train, commit; returns the version that a reply will carry."""
    project.set_params(changes)
    project.commit(f"{message}: parameters")
    project.run("dvc", "repro")
    project.commit(message)
    return sha256(project, "models/model.onnx")[:12]


class Callers:
    """Ask without a pause, and keep every status and version."""

    def __init__(self, server: Server, image: list[list[int]]) -> None:
        self.server, self.image = server, image
        self.statuses: list[int] = []
        self.versions: list[str] = []
        self.on = True
        self.threads = [threading.Thread(target=self.ask) for _ in range(3)]

    def ask(self) -> None:
        while self.on:
            answer = self.server.predict({"images": self.image})
            self.statuses.append(answer.status)
            self.versions.append(answer.json["model"]["version"])

    def until(self, version: str) -> None:
        wait_for(lambda: self.versions[-1:] == [version])

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        wait_for(lambda: len(self.statuses) > 20)
        return self

    def __exit__(self, *_: object) -> None:
        self.on = False
        for thread in self.threads:
            thread.join(30)


def test_the_whole_circle(project: Project) -> None:
    """Repro, promote, refuse, serve, switch under load, roll back, drift, feedback, lineage."""
    first = repro(project, {"train": {"epochs": 3}}, "First")
    assert "version 1 is the champion" in promote(project)
    test = arrays.load(project.root / "data" / "prepared").test
    uri = f"sqlite:///{project.root}/mlflow.db"
    inbox = project.root / "inbox"
    flags = ("--model", CHAMPION, "--workers", "2", "--watch", "0.2", "--feedback", str(inbox))
    with served(*flags, MLFLOW_TRACKING_URI=uri) as server:
        better = switch_under_load(project, server, test.images[0, 0].tolist(), first)
        refuse_a_worse_one(project, server, better)
        roll_back_and_forward(project, server, first, better)
        tell_drift(server, test)
        tell_feedback(server, test, better)
    learned = learn_from_feedback(project, inbox)
    trace(project, first, better, learned)


def switch_under_load(project: Project, server: Server, image: list[list[int]], first: str) -> str:
    with Callers(server, image) as callers:
        callers.until(first)
        better = repro(project, BETTER, "Better")
        assert "better: accuracy" in promote(project)
        callers.until(better)
    assert set(callers.statuses) == {200}
    assert set(callers.versions) == {first, better}
    return better


def refuse_a_worse_one(project: Project, server: Server, better: str) -> None:
    repro(project, WORSE, "Worse")
    said = promote(project, check=False)
    assert "error: worse than the champion" in said
    assert "p = " in said
    assert server.get("/model")["version"] == better


def roll_back_and_forward(project: Project, server: Server, first: str, better: str) -> None:
    assert "rolled back" in project.run("python", "-m", "pipeline.lifecycle.rollback")
    wait_for(lambda: served_version(server) == first)
    project.set_params(BETTER)
    project.run("dvc", "repro")  # out of DVC's cache
    assert "was rolled back" in promote(project, check=False)
    assert "forced" in promote(project, "--force")
    wait_for(lambda: served_version(server) == better)


def served_version(server: Server) -> str:
    version: str = server.get("/model")["version"]
    return version


def tell_drift(server: Server, test: arrays.Split) -> None:
    for _ in range(3):
        ask(server, test.images)
    calm = server.get("/drift")
    assert not calm["drifted"], calm
    assert max(index for index in inputs(calm).values()) < 0.1
    for images in (255 - test.images, np.roll(test.images, 2, axis=3)):
        for _ in range(3):
            ask(server, images)
        assert max(inputs(server.get("/drift")).values()) > 0.25
    assert server.get("/drift")["drifted"]


def inputs(drift: dict[str, dict[str, float]]) -> dict[str, float]:
    names = ("intensity", "ink_mass", "centre_row", "centre_column")
    return {name: drift["indexes"][name] for name in names}


def ask(server: Server, images: Images) -> None:
    answer = server.ask(
        "POST",
        "/predict",
        np.ascontiguousarray(images).tobytes(),
        content_type="application/octet-stream",
    )
    assert answer.status == 200, answer


def tell_feedback(server: Server, test: arrays.Split, version: str) -> None:
    """Somebody corrects 24 images that were noisy."""
    noise = np.random.default_rng(0).integers(0, 40, test.images[:24].shape)
    noisy = np.clip(test.images[:24] + noise, 0, 255).astype(np.uint8)
    for image, label in zip(noisy, test.labels, strict=False):
        body = {"image": image.tolist(), "label": str(label), "version": version}
        answer = server.ask(
            "POST", "/feedback", json.dumps(body).encode(), content_type="application/json"
        )
        assert answer.json["new"], answer


def learn_from_feedback(project: Project, inbox: Path) -> str:
    review = ("python", "-m", "pipeline.lifecycle.review", "--inbox", str(inbox))
    assert "24 images" in project.run(*review)
    project.run(*review, "--accept")
    assert not list(inbox.glob("*/*/*.png"))
    before = project.json("data/prepared/dataset.json")
    learned = repro(project, {"data": {"feedback": True}}, "Learn from feedback")
    after = project.json("data/prepared/dataset.json")
    held_out = after["feedback"]["count"]
    assert after["counts"]["train"] == before["counts"]["train"] + 24 - held_out
    assert after["sha256"]["test"] == before["sha256"]["test"]
    assert project.json("metrics/evaluate.json")["feedback"]["images"] == held_out > 0
    said = promote(project, check=False)
    assert "on the same 359 test images" in said
    return learned


def trace(project: Project, *versions: str) -> None:
    for version in versions:
        said = project.run("python", "-m", "pipeline.lifecycle.lineage", version)
        commit = said.partition("\ncommit")[2].split()[0]
        assert f"sha256 {version}" in said
        assert version in project.run("python", "-m", "pipeline.lifecycle.lineage", commit)
        project.run("git", "cat-file", "-e", commit)
    assert "@champion" in project.run("python", "-m", "pipeline.lifecycle.lineage", versions[1])


@pytest.mark.soak_all
def test_a_sweep_goes_on_and_its_best_is_applied(project: Project) -> None:
    """Children of one run, in two goes and by two workers; then params.yaml has the best."""
    project.run("dvc", "repro", "prepare")
    sweep = ("python", "-m", "pipeline.search.sweep")
    project.run(*sweep, "--trials", "1")
    said = project.run(*sweep, "--trials", "4", "--workers", "2")
    assert "best: trial" in said
    runs = project.runs()
    children = [run for run in runs if "sweep.trial" in run.data.tags]
    (parent,) = [run for run in runs if run not in children]
    assert 4 <= len(children) <= 5  # two workers may finish at once
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.info.status for run in children} == {"FINISHED"}
    before = (project.root / "params.yaml").read_text()
    project.run(*sweep, "--apply")
    assert (project.root / "params.yaml").read_text() != before
    project.run("dvc", "repro")
