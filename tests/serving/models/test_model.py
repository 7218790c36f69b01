"""Files that are not what the contract says are refused with the reason."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest

from serving.errors import ModelRefused
from serving.models.model import load
from tests.serving.onnx_files import answers, build_model


def changed(**metadata: str | None) -> bytes:
    """Write other metadata into a good file; None leaves an entry out."""
    model = onnx.load_model_from_string(build_model())
    entries = {entry.key: entry.value for entry in model.metadata_props} | metadata
    onnx.helper.set_model_props(model, {k: v for k, v in entries.items() if v is not None})
    content: bytes = model.SerializeToString()
    return content


def test_a_good_file_gives_its_facts_and_probabilities() -> None:
    """The version is the file's hash; numbers are onnxruntime's, whatever the batch."""
    content = build_model(net="lenet", shape=(3, 32, 32), classes=7)
    model = load(content, threads=2)
    assert model.facts.image_shape == (3, 32, 32)
    assert model.facts.version == model.facts.sha256[:12]
    assert len(model.facts.classes) == 7
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 32, 32)).astype(np.uint8)
    assert np.abs(model(images) - answers(content, images)).max() < 1e-6
    alone = np.concatenate([model(images[i : i + 1]) for i in range(5)])
    assert np.abs(model(images) - alone).max() < 1e-6


def test_unlike_names_the_first_difference() -> None:
    """Shape, number of classes, then their names; another file of one task is alike."""
    facts = load(build_model(), threads=1).facts
    renamed = replace(facts, classes=("0", "1", "two", *facts.classes[3:]))
    assert facts.unlike(load(build_model(seed=5), threads=1).facts) == ""
    assert facts.unlike(renamed) == "'2' as class 2, not 'two'"
    assert facts.unlike(replace(facts, classes=facts.classes[:3])) == "10 classes, not 3"
    assert facts.unlike(replace(facts, image_shape=(3, 28, 28))) == (
        "images of (1, 28, 28), not (3, 28, 28)"
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: b"", "onnxruntime cannot read it"),
        (lambda: b"not onnx", "onnxruntime cannot read it"),
        (lambda: build_model()[:-100], "onnxruntime cannot read it"),
        (lambda: changed(classes=None), "no 'classes'"),
        (lambda: changed(golden=None), "no 'golden'"),
        (lambda: changed(classes="[1]"), "metadata cannot be read"),
        (lambda: changed(classes='["0"]'), "outputs"),
        (lambda: changed(image_shape="[1,28]"), "metadata cannot be read"),
        (lambda: changed(image_shape="[1,14,56]"), "inputs"),
        (lambda: changed(parameters="many"), "metadata cannot be read"),
        (lambda: changed(golden="{}"), "metadata cannot be read"),
        (
            lambda: changed(golden=json.dumps({"images": "", "labels": [], "probabilities": []})),
            "golden",
        ),
        (lambda: build_model(spoil_golden=True), "self-test failed"),
    ],
)
def test_any_other_file_is_refused(make: Callable[[], bytes], words: str) -> None:
    """In one line that says what is wrong."""
    with pytest.raises(ModelRefused, match=words) as refused:
        load(make(), threads=1)
    assert "\n" not in str(refused.value)
