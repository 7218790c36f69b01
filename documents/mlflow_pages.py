"""docs/mlflow/*.png: MLflow's pages of a small project, made for them in a temporary folder.

Three trainings on the embedded digits, a sweep and a champion: part of `make pictures`, minutes.
"""

import io
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow import MlflowClient
from PIL import Image

from benchmarks.running import free_port
from documents.servers import running
from tests.documents.checkout import fresh

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DOCS = Path(__file__).parents[1] / "docs" / "mlflow"
PATIENCE_S = 90
RECIPE: dict[str, dict[str, object]] = {"train": {"epochs": 12}}
COMMANDS = (
    "convnet repro",
    "git add -A",
    "git commit -qm Results",
    "dvc exp run -n slower -S train.learning_rate=0.005",
    "dvc exp run -n tanh -S model.nonlinearity=tanh",
    "convnet promote",
    "convnet sweep --trials 4",
)
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
HIDDEN = ("Dataset", "Source")
COLUMNS = ("accuracy_test", "accuracy_validation")
WIDTH = 1280  # px


@dataclass(frozen=True)
class Shot:
    """A page by its address, a text that is there once it is drawn, and how much of it to keep."""

    name: str
    path: str
    text: str
    height: int  # px


def take(browser: "Browser") -> None:
    """Take them all anew."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "checkout"
        uri = make(root)
        port = free_port()
        command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--port", str(port)]
        url = f"http://127.0.0.1:{port}"
        with running([*command, "--backend-store-uri", uri], f"{url}/health", QUIET):
            DOCS.mkdir(exist_ok=True)
            _take(browser, url, MlflowClient(uri))


def make(root: Path) -> str:
    """Run a small project there; returns the address of its store."""
    project = fresh(root)
    project.set_params(RECIPE)
    project.commit("A short recipe")
    for command in COMMANDS:
        sys.stderr.write(f"{command}\n")
        project.run(*command.split(maxsplit=3) if "commit" in command else command.split())
    return f"sqlite:///{root}/mlflow.db"


def _take(browser: "Browser", url: str, client: MlflowClient) -> None:
    page = browser.new_page(viewport={"width": WIDTH, "height": 1000})
    page.goto(url)
    page.get_by_text("Model training", exact=True).first.click()  # remembered by the browser
    close = page.get_by_role("button", name="Close")
    for shot in shots(client):
        page.goto(f"{url}/#{shot.path}")
        page.get_by_text(shot.text).first.wait_for(timeout=PATIENCE_S * 1000)
        if close.count():
            close.first.click()
        if shot.name == "list":
            _choose_columns(page)
        if shot.name == "compare":  # the tables are below the drawing
            page.get_by_text("Visualizations").click()
        page.wait_for_timeout(3000)  # charts are drawn after their numbers have come
        clip = page.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": shot.height})
        _save(clip, DOCS / f"{shot.name}.png")


def shots(client: MlflowClient) -> Iterator[Shot]:
    registered = client.search_registered_models()[0]
    champion = client.get_model_version_by_alias(registered.name, "champion")
    experiment = client.get_run(str(champion.run_id)).info.experiment_id
    of = f"/experiments/{experiment}"
    complete = client.search_runs([experiment], "tags.`pipeline.complete` = 'true'")
    trainings = [run.info.run_id for run in complete]
    run = f"{of}/runs/{champion.run_id}"
    (model,) = client.search_logged_models(
        [experiment], f"source_run_id = '{champion.run_id}'", max_results=1
    )
    compared = f"runs={json.dumps(trainings)}&experiments={json.dumps([experiment])}"
    yield Shot("list", f"{of}/runs", "slower", 560)
    yield Shot("run", run, "accuracy_test", 900)
    yield Shot("curves", f"{run}/model-metrics", "val_accuracy", 900)
    yield Shot("compare", f"/compare-runs?{compared}", "Run details", 1000)
    yield Shot("model", f"{of}/models/{model.model_id}", "accuracy_test", 900)
    yield Shot("version", f"/models/{registered.name}/versions/{champion.version}", "Schema", 620)


def _save(png: bytes, path: Path) -> None:
    """In few colours: a third of the bytes."""
    few = Image.open(io.BytesIO(png)).convert("RGB").quantize(64)
    few.save(path, optimize=True)


def _choose_columns(page: "Page") -> None:
    page.get_by_role("button", name="Columns").click()
    search = page.get_by_placeholder("Search columns")
    for name in (*HIDDEN, *COLUMNS):
        search.fill(name)
        page.locator(".du-bois-light-tree-title").filter(has_text=name).first.click()
    page.keyboard.press("Escape")
