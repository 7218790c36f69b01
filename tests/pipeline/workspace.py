"""A workspace as `dvc repro` leaves it, with a tiny model whose test answers a test chooses."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from ruamel.yaml import YAML

from contract.files import sha256_of_file
from contract.metadata import DatasetMark, Golden, Metadata, Statistics
from contract.statistics import Histogram, Reference
from pipeline.lifecycle import lock
from pipeline.tracking import store as tracking
from pipeline.tracking.ending import ended_with
from pipeline.tracking.lookup import COMPLETE
from pipeline.tracking.run import TrackedRun

SHAPE = (1, 2, 2)
CLASSES = ("0", "1")
IMAGES = 1000
TEST_SHA256 = "1" * 64
PARAMS_SHA256 = "2" * 64
RATE = 0.02
IR_VERSION_AGAIN = (
    b"\x08\x0a"  # a reader takes it, a writer drops it: bytes must be kept as they are
)


@dataclass(frozen=True)
class Workspace:
    root: Path
    store: tracking.Store

    def make(  # noqa: PLR0913 - each is a choice of some test
        self,
        wrong: range,
        *,
        name: str = "mnist-classifier",
        dataset: str = "mnist",
        requested: str = "mnist",
        test_sha256: str = TEST_SHA256,
        variants: dict[str, str] | None = None,
    ) -> str:
        """Put a model there that errs on those images, with its run; returns its sha256.

        `variants`: each by its name, and why it is not served.
        """
        mark = DatasetMark(
            name=dataset,
            requested=requested,
            source="published",
            sha256="0" * 64,
            test_sha256=test_sha256,
        )
        weights = np.full((4, 2), wrong.stop + wrong.start / 7, np.float32)
        onnx = self._write("models/model.onnx", _model(metadata(name, mark), weights))
        sha256 = sha256_of_file(onnx)
        self._write("models/model.activations.onnx", _model({"model_sha256": sha256}, weights))
        given = variants or {}
        lines = {one: f"not served: {why}" if why else "as good" for one, why in given.items()}
        card = {"model_sha256": sha256, "variants": lines}
        self._write("models/model.card.json", json.dumps(card).encode())
        self._put_variants(sha256, given)
        self.predict(wrong)
        self._write("metrics/export.json", b'{"onnx_parity": {"batch_01": 1e-6}}')
        accuracy = 1 - len(wrong) / IMAGES
        self._write("metrics/evaluate.json", json.dumps({"test": {"accuracy": accuracy}}).encode())
        self.lock()
        self.run(sha256)
        return sha256

    def _put_variants(self, sha256: str, given: dict[str, str]) -> None:
        quality = {"accuracy": 0.9, "nll": 0.1, "ece": 0.01, "bytes": 7}
        judged = {
            name: {"quality": quality, "changed": 0.0, "reason": why} for name, why in given.items()
        }
        table = {"model_sha256": sha256, "images": 10, "fp32": quality, "variants": judged}
        self._write("models/variants/variants.json", json.dumps(table).encode())
        for name, why in given.items():
            if not why:
                self._write(f"models/variants/{name}.onnx", b"a variant")

    def run(self, sha256: str) -> TrackedRun:
        """Track a complete training that made these bytes."""
        tags = {
            "onnx.sha256": sha256,
            "checkpoint.sha256": "c" * 64,
            "params.sha256": PARAMS_SHA256,
            COMPLETE: "true",
        }
        run = self.store.create("mnist-classifier", "a run", tags, self.root / "params.yaml")
        with ended_with(run):
            pass
        return run

    def predict(self, wrong: range) -> None:
        labels = np.arange(IMAGES) % 2
        answers = labels.copy()
        answers[list(wrong)] ^= 1
        path = self._write("models/model.predictions.npz", b"")
        np.savez(path, labels=labels, probabilities=np.eye(2, dtype=np.float32)[answers])

    def lock(self) -> None:
        """Say in dvc.lock that the stages made what is there."""
        made = [
            *self.root.glob("models/model.*"),
            *self.root.glob("models/variants"),
            *self.root.glob("metrics/*.json"),
        ]
        outs = [
            {
                "path": str(path.relative_to(self.root)),
                "hash": "md5",
                "md5": lock.md5_of(path),
            }
            for path in made
        ]
        train = {"cmd": "…", "params": {"params.yaml": {"train": {"learning_rate": RATE}}}}
        stages = {"train": train, "evaluate": {"cmd": "…", "outs": outs}}
        content = {"schema": "2.0", "stages": stages}
        YAML().dump(content, self.root / "dvc.lock")

    def _write(self, name: str, content: bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


def metadata(name: str, mark: DatasetMark) -> dict[str, str]:
    flat = Histogram(edges=(0.0, 1.0), fractions=(1.0,))
    reference = Reference(intensity=flat, ink_mass=flat, centre_row=flat, centre_column=flat)
    return Metadata(
        model_name=name,
        net="lenet",
        classes=CLASSES,
        image_shape=SHAPE,
        dataset=mark,
        params_sha256=PARAMS_SHA256,
        hyperparameters={"train.learning_rate": RATE},
        parameters=8,
        statistics=Statistics(mean=(0.1,), std=(0.3,), reference=reference),
        golden=Golden(images="", labels=(), probabilities=()),
    ).properties()


def _model(properties: dict[str, str], weights: NDArray[np.float32]) -> bytes:
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["floats"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", *SHAPE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(weights, "w")],
    )
    model: ModelProto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10
    )
    helper.set_model_props(model, properties)
    return bytes(model.SerializeToString()) + IR_VERSION_AGAIN
