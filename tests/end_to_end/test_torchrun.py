"""Two nodes by torchrun, on loopback, in folders of their own: what one decides holds for both."""

import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from filelock import FileLock

from benchmarks.running import free_port
from tests.end_to_end.project import Project, checkout, kill, sha256, wait_for

pytestmark = pytest.mark.soak

STAGE = (
    "pipeline.stages.train --prepared data/prepared --checkpoint models/model.ckpt "
    "--metrics metrics/train.json --plots plots/train"
)
Node = subprocess.Popen[bytes]


@pytest.fixture
def nodes(tmp_path: Path) -> list[Project]:
    """Two checkouts of one commit with the same prepared data, and nothing else in common."""
    first = checkout(tmp_path / "first")
    first.set_params({"train": {"epochs": 30, "num_nodes": 2, "strategy": "ddp"}})
    first.commit("Train on two nodes")
    first.run("dvc", "repro", "prepare")
    second = first.copy(tmp_path / "second")
    shutil.copytree(first.root / "data/prepared", second.root / "data/prepared")
    return [first, second]


def start(nodes: list[Project], stack: ExitStack) -> list[Node]:
    port = free_port()
    return [
        stack.enter_context(
            node.start(
                "bash", "-c", f"exec torchrun --nnodes=2 --nproc-per-node=1 --node-rank={rank} "
                f"--master-addr=127.0.0.1 --master-port={port} -m {STAGE} >node.log 2>&1",
            )
        )
        for rank, node in enumerate(nodes)
    ]  # fmt: skip


def train(nodes: list[Project]) -> str:
    """Train to the end; returns the checkpoint's hash."""
    with ExitStack() as stack:
        assert [node.wait(240) for node in start(nodes, stack)] == [0, 0]
    return sha256(nodes[0], "models/model.ckpt")


def test_a_lost_node_costs_an_epoch(nodes: list[Project]) -> None:
    """The other one ends, too; both go on from the first's checkpoint, to the same bytes.

    A second training at that moment starts over in both, in a run of its own, though the first
    node finds a checkpoint of the interrupted one.
    """
    first = nodes[0]
    with ExitStack() as stack:
        running = start(nodes, stack)
        wait_for(lambda: list(first.root.glob(".train/*/checkpoints/*.ckpt")))
        kill(running[1])
        assert running[0].wait(120) != 0
    assert "error: another of the 2 processes" in (first.root / "node.log").read_text()
    (lock,) = first.root.glob(".train/*.lock")
    with FileLock(lock):
        whole = train(nodes)
    (first.root / "models/model.ckpt").unlink()
    assert train(nodes) == whole
    finished = [run for run in first.runs() if run.info.status == "FINISHED"]
    assert len(first.runs()) == len(finished) == 2
    steps = [
        sorted(
            metric.step
            for metric in first.store.get_metric_history(run.info.run_id, "curves/val_loss")
        )
        for run in finished
    ]
    assert steps == [list(range(1, 31))] * 2
