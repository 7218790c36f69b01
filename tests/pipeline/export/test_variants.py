"""int8 beside a model: as good as it behind a gate of its own, left out where it is not."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, TensorProto, numpy_helper
from torch import nn

from contract import metadata as contract_metadata
from contract.arrays import Labels, Probabilities
from contract.files import sha256_of_bytes
from contract.metadata import Metadata
from contract.sidecars import FP32, INT8
from pipeline.data.arrays import Split
from pipeline.evaluation import metrics
from pipeline.export import (
    model_file,
    onnx_run,
    quantization,
    variant_gate,
    variant_table,
    variants,
)
from pipeline.export.model_file import Asked
from pipeline.export.temperature import Temperature
from pipeline.export.variant_gate import JudgementError
from pipeline.export.variant_table import VariantsError
from pipeline.export.variants import Variants
from tests.pipeline.cases import classifier, prepared_set, taught

PREPARED = prepared_set(images=400)
ASKED = Asked(kept=0.9, coverage=0.9, temperature=Temperature(1.0, "as it is"))
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Case:
    """A net, its model file and what that file says but for the golden images."""

    net: nn.Module
    metadata: Metadata
    model: bytes

    def beside(self, *, train: Split = PREPARED.train) -> Variants:
        """Its variants, calibrated on images of `train`."""
        return variants.make(
            (FP32, INT8), self.model, self.metadata,
            train=train, validation=PREPARED.val, golden=3, asked=ASKED,
        )  # fmt: skip


def case(net: nn.Module) -> Case:
    described = model_file.describe(
        PREPARED.dataset, net, name=None, hyperparameters={"model.name": "x"}, params_sha256="2"
    )
    made = model_file.make(
        net, described, train=PREPARED.train, validation=PREPARED.val, golden=3, asked=ASKED
    )
    return Case(net, described, made.content)


@pytest.fixture(scope="module")
def lenet() -> Case:
    return case(taught(classifier(PREPARED).net, PREPARED))


@pytest.fixture(scope="module", params=["lenet", "own"])
def made(request: pytest.FixtureRequest, lenet: Case) -> tuple[bytes, Variants]:
    """A model and its variants: of lenet, and of a net in mynets."""
    if request.param == "lenet":
        return lenet.model, lenet.beside()
    own = case(taught(classifier(PREPARED, name="mynets.tiny:build").net, PREPARED))
    return own.model, own.beside()


def initializers(graph: ModelProto) -> dict[str, TensorProto]:
    return {one.name: one for one in graph.graph.initializer}


def test_int8_passes_its_gate(made: tuple[bytes, Variants]) -> None:
    """A trained net keeps accuracy, calibration and answers; the table says by how much."""
    model, beside = made
    table = beside.table
    assert (table.served, table.reasons()) == ([INT8], {})
    assert table.fp32 is not None
    assert table.fp32.accuracy > 0.95
    assert table.fp32.bytes == len(model)
    assert table.model_sha256 == sha256_of_bytes(model)
    found = onnx_run.predict(
        onnx_run.open_session(beside.contents[INT8]), PREPARED.val.images, batch_size=7
    )
    judged = table.variants[INT8].quality
    assert judged.accuracy == pytest.approx(metrics.accuracy(found, PREPARED.val.labels))
    assert judged.bytes == len(beside.contents[INT8])


def test_weights_are_s8_per_channel_and_activations_u8(made: tuple[bytes, Variants]) -> None:
    """Each layer with weights but the last takes both by its own scales."""
    graph = onnx.load_from_string(made[1].contents[INT8])
    held, makers = initializers(graph), {n.output[0]: n for n in graph.graph.node}
    layers = [n for n in graph.graph.node if n.op_type in quantization.WEIGHTED]
    own = [n for n in layers if not any("familiarity" in name for name in (*n.input, *n.output))]
    *inner, last = own
    assert inner
    for node in inner:
        values, weights = (makers[name] for name in node.input[:2])
        assert values.op_type == weights.op_type == "DequantizeLinear"
        assert held[values.input[2]].data_type == TensorProto.UINT8
        kernel, scale = (numpy_helper.to_array(held[name]) for name in weights.input[:2])
        assert kernel.dtype == np.int8
        assert len(scale) == kernel.shape[0]
        assert len(np.unique(scale)) > 1
    assert held[last.input[1]].data_type == TensorProto.FLOAT


def test_pixels_softmax_and_familiarity_stay_in_float(made: tuple[bytes, Variants]) -> None:
    """Eight bits begin at the first layer with weights and end before the last one."""
    graph = onnx.load_from_string(made[1].contents[INT8])
    given = {name: node.op_type for node in graph.graph.node for name in node.output}
    for node in graph.graph.node:
        is_own = any(name.startswith("familiarity") for name in node.output)
        if node.op_type == "Softmax" or (is_own and node.op_type != "Gemm"):
            assert "DequantizeLinear" not in {given.get(name) for name in node.input}
    first = next(n for n in graph.graph.node if n.op_type == "QuantizeLinear")
    assert given[first.input[0]] not in quantization.WEIGHTED
    assert [one.name for one in graph.graph.output] == ["probabilities", "familiarity"]


def test_a_variant_says_what_it_is_and_holds_its_own_golden_answers(
    made: tuple[bytes, Variants],
) -> None:
    """Golden probabilities, limits and statistics are of this file; the model's are others."""
    model, beside = made
    session = onnx_run.open_session(beside.contents[INT8])
    said = contract_metadata.read(session.get_modelmeta().custom_metadata_map)
    assert said.variant_of == sha256_of_bytes(model)
    images, expected = said.golden.arrays(said.image_shape)
    found, familiarity = onnx_run.answers(session, images, batch_size=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert familiarity is not None
    np.testing.assert_allclose(familiarity, np.array(said.golden.familiarity), atol=1e-6)
    of_model = onnx_run.predict(onnx_run.open_session(model), images, batch_size=1)
    assert (of_model != expected).any()
    assert said.limits is not None
    assert said.limits.familiarity is not None
    everything = onnx_run.answers(session, PREPARED.val.images, batch_size=64)[1]
    assert everything is not None
    assert (everything >= said.limits.familiarity.threshold).mean() >= ASKED.kept


def test_a_model_does_not_say_that_it_is_no_variant(made: tuple[bytes, Variants]) -> None:
    """So that the bytes of models are what they were before there were variants."""
    properties = onnx_run.open_session(made[0]).get_modelmeta().custom_metadata_map
    assert "variant_of" not in properties
    assert contract_metadata.read(properties).variant_of == ""


def test_the_same_weights_give_the_same_bytes(lenet: Case, tmp_path: Path) -> None:
    """Also in another process, whose sets have another order."""
    (tmp_path / "model.onnx").write_bytes(lenet.model)
    images = variants.calibration(PREPARED.train)
    np.save(tmp_path / "images.npy", images)
    code = (
        "import hashlib, numpy, onnx; from pipeline.export import quantization\n"
        "made = quantization.quantized(onnx.load('model.onnx'), numpy.load('images.npy'))\n"
        "print(hashlib.sha256(made.SerializeToString(deterministic=True)).hexdigest())"
    )
    graph = quantization.quantized(onnx.load_from_string(lenet.model), images)
    expected = sha256_of_bytes(graph.SerializeToString(deterministic=True))
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.stdout.strip() == expected, done.stderr
    assert lenet.beside().contents == lenet.beside().contents


def test_a_variant_calibrated_on_noise_is_left_out(lenet: Case) -> None:
    """Ranges of dark noise cut off what real images come to: the gate says so."""
    noise = np.random.default_rng(0).integers(0, 9, (64, 1, 12, 12), dtype=np.uint8)
    beside = lenet.beside(train=Split(noise, np.zeros(64, np.int64)))
    assert beside.contents == {}
    assert beside.table.served == []
    assert "allowed is at" in beside.table.reasons()[INT8]
    row = beside.table.metrics()[INT8]
    assert row["passed"] == 0
    assert row["reason"] == beside.table.reasons()[INT8]


def test_a_net_of_one_layer_has_nothing_to_quantise() -> None:
    """That is said in words, and is no error."""

    class Single(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.only = nn.Linear(144, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.only(images.float().flatten(1) / 255)
            return logits

    torch.manual_seed(0)
    table = case(Single()).beside().table
    assert table.failed == {INT8: "the network has no layer with weights before its last one"}
    assert table.metrics()[INT8]["passed"] == 0


def test_only_what_is_asked_for_is_made(lenet: Case, tmp_path: Path) -> None:
    """[fp32] leaves a folder with a table that names the model, and no row."""
    beside = variants.make(
        (FP32,), lenet.model, lenet.metadata,
        train=PREPARED.train, validation=PREPARED.val, golden=3, asked=ASKED,
    )  # fmt: skip
    beside.write(tmp_path / "variants")
    assert [one.name for one in (tmp_path / "variants").iterdir()] == ["variants.json"]
    table = variant_table.read(tmp_path / "variants", model_sha256=sha256_of_bytes(lenet.model))
    assert (table.fp32, table.variants, table.numbers()) == (None, {}, {})


def test_a_folder_of_another_model_or_with_other_files_is_refused(
    made: tuple[bytes, Variants], tmp_path: Path
) -> None:
    """The table names the model and lists what may be served."""
    model, beside = made
    beside.write(tmp_path)
    sha256 = sha256_of_bytes(model)
    assert variant_table.read(tmp_path, model_sha256=sha256) == beside.table
    with pytest.raises(VariantsError, match=f"belongs to the model '{sha256[:12]}', and this one"):
        variant_table.read(tmp_path, model_sha256="0" * 64)
    (tmp_path / "int8.onnx").unlink()
    with pytest.raises(VariantsError, match=r"holds the variants \[\], and .* says \['int8'\]"):
        variant_table.read(tmp_path, model_sha256=sha256)
    (tmp_path / "variants.json").write_text("{")
    with pytest.raises(VariantsError, match=r"variants.json cannot be read"):
        variant_table.read(tmp_path, model_sha256=sha256)


def drawn(wrong: range, *, sharp: float = 0.9) -> tuple[Probabilities, Labels]:
    """Probabilities of 1000 images of two classes, of which those are wrong."""
    labels = np.arange(1000) % 2
    answers = labels.copy()
    answers[list(wrong)] ^= 1
    return np.where(np.eye(2)[answers] == 1, sharp, 1 - sharp).astype(np.float32), labels


def test_the_gates_numbers_are_those_of_the_metrics() -> None:
    """Against the evaluation's own: accuracy, likelihood, calibration, Wilson's interval."""
    generator = np.random.default_rng(3)
    probabilities = generator.dirichlet((1, 1, 1), 500).astype(np.float32)
    labels = generator.integers(0, 3, 500)
    found = variant_gate.quality(probabilities, labels, file_bytes=7)
    expected = metrics.summary(probabilities, labels, bins=variant_gate.BINS)
    assert found.accuracy == pytest.approx(expected.accuracy)
    assert found.nll == pytest.approx(expected.nll, abs=1e-7)
    assert found.ece == pytest.approx(expected.ece, abs=1e-7)
    limit = variant_gate.allowed(probabilities, labels)
    assert limit.accuracy == pytest.approx(expected.accuracy_low, abs=1e-7)


@pytest.mark.parametrize(
    ("wrong", "sharp", "named"),
    [
        (range(100), 0.9, []),
        (range(10, 110), 0.9, []),
        (range(115), 0.9, []),
        (range(15, 115), 0.9, ["changed"]),
        (range(160), 0.9, ["accuracy", "likelihood", "calibration", "changed"]),
        (range(100), 0.999, ["likelihood", "calibration"]),
        (range(100), 0.6, ["likelihood", "calibration"]),
        (range(0), 0.9, ["calibration", "changed"]),
    ],
)
def test_each_limit_is_kept_or_named(wrong: range, sharp: float, named: list[str]) -> None:
    """Beside a model that errs on the first 100 of 1000, and says 0.9 of every answer."""
    model, labels = drawn(range(100))
    given, _ = drawn(wrong, sharp=sharp)
    reason = variant_gate.judge(model, given, labels, file_bytes=1).reason
    words = {"accuracy", "likelihood", "calibration", "changed"}
    assert {word for word in words if word in reason} == set(named), reason


def test_nan_is_not_judged() -> None:
    """A comparison with it says nothing."""
    model, labels = drawn(range(100))
    with pytest.raises(JudgementError, match="not numbers"):
        variant_gate.judge(model, np.full_like(model, np.nan), labels, file_bytes=1)


def test_ranges_are_those_of_all_images(lenet: Case) -> None:
    """Whatever the number of images in a run, 0 lies between them."""
    graph = onnx.load_from_string(lenet.model)
    images = PREPARED.val.images[:70]
    name = graph.graph.node[-1].input[0]
    (low, high) = quantization.ranges(graph, [name], images)[name]
    shown = onnx.load_from_string(lenet.model)
    shown.graph.output.append(onnx.helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    values = onnx_run.open_session(shown.SerializeToString()).run([name], {"images": images})[0]
    assert low == pytest.approx(min(0, values.min()), abs=1e-5)
    assert high == pytest.approx(values.max(), rel=1e-5)
