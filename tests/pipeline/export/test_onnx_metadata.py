"""onnx_metadata: what is written is read back, and what does not belong is refused."""

import base64

import numpy as np
import pytest
from msgspec.structs import replace

from contract.metadata import Metadata
from pipeline.export import model_file, onnx_metadata, onnx_run
from pipeline.export.onnx_metadata import MetadataError
from tests.pipeline.cases import classifier, prepared_set

PREPARED = prepared_set(classes=4)


@pytest.fixture(scope="module")
def session() -> onnx_run.Session:
    net = classifier(PREPARED).net
    described = model_file.describe(
        PREPARED.dataset,
        net,
        name=None,
        hyperparameters={"model.name": "lenet"},
        params_sha256="2" * 64,
    )
    return onnx_run.open_session(model_file.model_bytes(net, described, PREPARED.val, golden=6))


@pytest.fixture(scope="module")
def metadata(session: onnx_run.Session) -> Metadata:
    return onnx_metadata.read(session.get_modelmeta().custom_metadata_map, name="model.onnx")


def test_contract(metadata: Metadata) -> None:
    """Name, classes, shape, data, statistics and size are those of the data set and the net."""
    dataset = PREPARED.dataset
    assert metadata.model_name == "stripes-classifier"
    assert metadata.classes == dataset.classes
    assert metadata.image_shape == dataset.image_shape
    assert metadata.dataset.sha256 == dataset.sha256_of_all
    assert metadata.dataset.test_sha256 == dataset.sha256.test
    assert metadata.statistics.mean == dataset.mean
    assert metadata.statistics.reference == dataset.reference
    net = classifier(PREPARED).net
    assert metadata.parameters == sum(parameter.numel() for parameter in net.parameters())


def test_input_and_output(session: onnx_run.Session) -> None:
    """uint8 images of any batch in, float32 probabilities out."""
    (given,), (answer,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == (
        "images",
        "tensor(uint8)",
        ["batch", 1, 12, 12],
    )
    assert (answer.name, answer.type) == ("probabilities", "tensor(float)")
    assert answer.shape == ["batch", 4]


def test_golden_images_give_golden_probabilities(
    session: onnx_run.Session, metadata: Metadata
) -> None:
    """The server's self-test: the file itself reproduces what its metadata hold."""
    golden = metadata.golden
    pixels = np.frombuffer(base64.b64decode(golden.images), np.uint8)
    images = pixels.reshape(-1, *metadata.image_shape)
    assert golden.labels == (0, 1, 2, 3, 0, 1)
    np.testing.assert_array_equal(images, PREPARED.val.images[:6])
    answers = session.run(None, {"images": images})[0]
    np.testing.assert_allclose(answers, golden.probabilities, atol=1e-6)


def test_golden_images_take_turns_over_the_classes() -> None:
    """One of each class first; a class without images is left out."""
    labels = np.array([2, 2, 0, 2, 0])
    assert onnx_metadata.golden_indexes(labels, classes=4, most=4) == [2, 0, 4, 1]


def test_other_data_are_refused(metadata: Metadata) -> None:
    """The error names both data sets and hashes, and what to do."""
    onnx_metadata.check_data(metadata, PREPARED.dataset)
    other = replace(PREPARED.dataset, name="squares", mean=(0.5,))
    with pytest.raises(MetadataError, match=r"'stripes'.*'squares'.*dvc repro"):
        onnx_metadata.check_data(metadata, other)


def test_broken_metadata_are_named(metadata: Metadata) -> None:
    """A missing entry, and one that is not what it should be."""
    properties = metadata.properties()
    with pytest.raises(MetadataError, match=r"x\.onnx: its metadata has no 'classes'.*dvc repro"):
        onnx_metadata.read({k: v for k, v in properties.items() if k != "classes"}, name="x.onnx")
    with pytest.raises(MetadataError, match=r"'parameters'.*Expected `int`"):
        onnx_metadata.read(properties | {"parameters": "[]"}, name="x.onnx")


def test_answers_are_shares_of_classes_and_deciles_of_confidence() -> None:
    """The drift of answers is measured against the model's own answers to validation images."""
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.full(10, 0.2), 1000).astype(np.float32)
    found = onnx_metadata.answers(probabilities)
    assert sum(found.classes) == pytest.approx(1)
    assert found.classes[3] == (probabilities.argmax(axis=1) == 3).mean()
    edges = np.array(found.confidence.edges)
    assert (edges == edges.round(4)).all()
    counts, _ = np.histogram(probabilities.max(axis=1), edges)
    assert (counts / 1000).tolist() == list(found.confidence.fractions)
