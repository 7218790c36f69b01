"""Fetch and prepare as DVC runs them: processes with arguments, exit codes and last words."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.data import arrays

ROOT = Path(__file__).parents[3]
UNROUTED = "http://127.0.0.1:9"  # the discard port: nothing listens there


class Workspace:
    """A folder with params.yaml, in which stages run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(ROOT / "params.yaml", folder)

    def set(self, key: str, value: str) -> None:
        path = self.folder / "params.yaml"
        lines = path.read_text().splitlines()
        found = [index for index, line in enumerate(lines) if line.startswith(f"  {key}:")]
        lines[found[0]] = f"  {key}: {value}"
        path.write_text("\n".join(lines))

    def run(self, stage: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """No network: every web address is asked through a proxy that is not there."""
        arguments = ["--raw", "data/raw"]
        if stage == "prepare":
            arguments += ["--pictures", "data/images", "--feedback", "data/feedback"]
            arguments += ["--prepared", "data/prepared"]
            arguments += ["--plots", "plots/prepare"]
        inherited = {key: value for key, value in os.environ.items() if key != "DATA_MIRROR"}
        closed = {"http_proxy": UNROUTED, "https_proxy": UNROUTED, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, "-m", f"pipeline.stages.{stage}", *arguments],
            cwd=self.folder,
            env=inherited | closed | environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_without_any_address_the_digits_are_prepared_loudly(workspace: Workspace) -> None:
    """MNIST was asked for: both stages end well, and every description tells the difference."""
    done = workspace.run("fetch")
    assert done.returncode == 0, done.stderr
    assert "THIS IS NOT MNIST" in done.stderr
    done = workspace.run("prepare")
    assert done.returncode == 0, done.stderr
    assert "digits (fallback): 1,322 train, 116 val, 359 test images of 1x8x8" in done.stdout
    dataset = arrays.load(workspace.folder / "data/prepared").dataset
    assert (dataset.name, dataset.requested, dataset.source) == ("digits", "mnist", "fallback")
    assert (workspace.folder / "plots/prepare/contact_sheet.png").stat().st_size > 1000


def test_the_fallback_and_the_digits_themselves_are_the_same_data(workspace: Workspace) -> None:
    """A model of either may be compared with one of the other: same arrays, same hash."""
    found = []
    for dataset in ("kmnist", "digits"):
        workspace.set("dataset", dataset)
        for stage in ("fetch", "prepare"):
            assert workspace.run(stage).returncode == 0
        found.append(arrays.load_dataset(workspace.folder / "data/prepared"))
    assert found[0].sha256_of_all == found[1].sha256_of_all
    assert [dataset.source for dataset in found] == ["fallback", "published"]


def test_prepare_makes_equal_bytes_again(workspace: Workspace) -> None:
    """Every file, the picture too; in whatever folder."""
    workspace.set("dataset", "digits")
    workspace.run("fetch")
    workspace.run("prepare")
    first = hashes(workspace.folder / "data/prepared") | hashes(workspace.folder / "plots")
    shutil.rmtree(workspace.folder / "plots")
    workspace.run("prepare")
    assert hashes(workspace.folder / "data/prepared") | hashes(workspace.folder / "plots") == first


def test_null_makes_a_dead_network_an_error(workspace: Workspace) -> None:
    """One line that names the addresses and the two ways out; exit status 1."""
    workspace.set("offline_fallback", "null")
    done = workspace.run("fetch", DATA_MIRROR="nowhere")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    for text in (
        "error: train-images-idx3-ubyte.gz could not be fetched",
        f"{workspace.folder}/nowhere/mnist/train-images-idx3-ubyte.gz: no such file",
        "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz: no answer",
        "http://yann.lecun.com/exdb/mnist/train-images-idx3-ubyte.gz: no answer",
        "Two ways out: a mirror (DATA_MIRROR=",
        "data.offline_fallback: digits",
    ):
        assert text in done.stderr


def test_prepare_before_fetch_says_what_to_run(workspace: Workspace) -> None:
    """No traceback."""
    done = workspace.run("prepare")
    assert done.returncode == 1
    assert done.stderr == "error: data/raw/source.json does not exist: run `dvc repro fetch`\n"


def test_a_bad_mirror_is_one_line(workspace: Workspace) -> None:
    """What was given and what is needed."""
    done = workspace.run("fetch", DATA_MIRROR="ftp://m")
    assert done.returncode == 1
    assert done.stderr == (
        "error: DATA_MIRROR is 'ftp://m': a directory or an http(s) address is needed\n"
    )


@pytest.mark.parametrize(
    ("stage", "heavy"),
    [
        ("fetch", ("lightning", "mlflow", "onnxruntime", "matplotlib")),
        ("prepare", ("lightning", "mlflow", "onnxruntime", "matplotlib", "torch", "sklearn")),
    ],
)
def test_start_up_is_light(stage: str, heavy: tuple[str, ...]) -> None:
    """Seconds that no stage of data needs."""
    code = f"import sys, pipeline.stages.{stage}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "[]\n"
