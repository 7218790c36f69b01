"""One exported ONNX file becomes a Model: checked, self-tested, ready to run."""

import base64
import binascii
import hashlib
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from serving.errors import ModelRefused

Images = NDArray[np.uint8]  # (N, C, H, W)
Probabilities = NDArray[np.float32]  # (N, classes)

_GOLDEN_TOLERANCE = 1e-4  # float32 on another processor; a wrong weight moves far more


class Dataset(msgspec.Struct, frozen=True):
    """What the model was trained on; `name` differs from `requested` after a fallback."""

    name: str
    requested: str
    sha256: str = ""
    test_sha256: str = ""


class _Golden(msgspec.Struct, frozen=True):
    images: str  # base64 of uint8 bytes, (n, C, H, W)
    labels: list[int]
    probabilities: list[list[float]]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the file says about itself."""

    name: str
    version: str  # first 12 hex digits of the file's sha256
    sha256: str
    net: str
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]  # C, H, W
    dataset: Dataset
    params_sha256: str
    parameters: int
    statistics: str  # JSON text: mean, std, reference
    golden_images: Images
    golden_labels: tuple[int, ...]
    golden_probabilities: Probabilities

    @property
    def pixels(self) -> int:
        """Numbers of one image."""
        return math.prod(self.image_shape)

    def unlike(self, other: "Facts") -> str:
        """What a caller of `other` would stumble over, in words; empty: both do the same task."""
        if self.image_shape != other.image_shape:
            return f"images of {self.image_shape}, not {other.image_shape}"
        if len(self.classes) != len(other.classes):
            return f"{len(self.classes)} classes, not {len(other.classes)}"
        for index, (mine, theirs) in enumerate(zip(self.classes, other.classes, strict=True)):
            if mine != theirs:
                return f"{mine!r} as class {index}, not {theirs!r}"
        return ""


class Model:
    """Images in, probabilities out; safe to call from several threads."""

    input_name: ClassVar[str] = "images"
    output_name: ClassVar[str] = "probabilities"

    def __init__(self, facts: Facts, session: ort.InferenceSession) -> None:
        self.facts = facts
        self._session = session

    def __call__(self, images: Images) -> Probabilities:
        outputs = self._session.run([self.output_name], {self.input_name: images})
        probabilities: Probabilities = outputs[0]
        return probabilities


def load(content: bytes, *, threads: int) -> Model:
    """Read, check against the contract, warm up and self-test; raises ModelRefused."""
    try:
        session = ort.InferenceSession(
            content, sess_options(threads), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # noqa: BLE001 -- its own exception classes are not public
        raise ModelRefused(f"onnxruntime cannot read it: {_first_line(error)}") from None
    facts = _facts(session.get_modelmeta().custom_metadata_map, content)
    _check_graph(session, facts)
    model = Model(facts, session)
    _self_test(model)
    return model


def sess_options(threads: int) -> ort.SessionOptions:
    """One pool of `threads` that sleeps when idle: onnxruntime itself ignores CPU affinity."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _facts(metadata: dict[str, str], content: bytes) -> Facts:
    try:
        classes = msgspec.json.decode(metadata["classes"], type=tuple[str, ...])
        shape = msgspec.json.decode(metadata["image_shape"], type=tuple[int, int, int])
        golden = msgspec.json.decode(metadata["golden"], type=_Golden)
        pixels = np.frombuffer(base64.b64decode(golden.images, validate=True), np.uint8)
        sha256 = hashlib.sha256(content).hexdigest()
        return Facts(
            name=metadata["model_name"],
            version=sha256[:12],
            sha256=sha256,
            net=metadata["net"],
            classes=classes,
            image_shape=shape,
            dataset=msgspec.json.decode(metadata["dataset"], type=Dataset),
            params_sha256=metadata["params_sha256"],
            parameters=int(metadata["parameters"]),
            statistics=metadata["statistics"],
            golden_images=pixels.reshape(-1, *shape),
            golden_labels=tuple(golden.labels),
            golden_probabilities=np.array(golden.probabilities, np.float32),
        )
    except KeyError as error:
        raise ModelRefused(f"its metadata has no {error.args[0]!r}: export it again") from None
    except (ValueError, binascii.Error) as error:  # msgspec's errors are ValueErrors
        raise ModelRefused(f"its metadata cannot be read: {_first_line(error)}") from None


def _check_graph(session: ort.InferenceSession, facts: Facts) -> None:
    inputs = [(item.name, item.type, tuple(item.shape[1:])) for item in session.get_inputs()]
    if inputs != [(Model.input_name, "tensor(uint8)", facts.image_shape)]:
        raise ModelRefused(f"its inputs are {inputs}: images, uint8, {facts.image_shape} expected")
    outputs: list[tuple[str, str, Any]] = [
        (item.name, item.type, tuple(item.shape[1:])) for item in session.get_outputs()
    ]
    if outputs != [(Model.output_name, "tensor(float)", (len(facts.classes),))]:
        raise ModelRefused(
            f"its outputs are {outputs}: probabilities, float32, [{len(facts.classes)}] expected"
        )
    golden = (len(facts.golden_images), len(facts.classes))
    if golden[0] == 0 or facts.golden_probabilities.shape != golden:
        raise ModelRefused("its golden inputs and probabilities do not fit each other")


def _self_test(model: Model) -> None:
    """Golden inputs must give the probabilities that the export saw, alone and in one batch."""
    images, expected = model.facts.golden_images, model.facts.golden_probabilities
    try:
        alone = np.concatenate([model(images[i : i + 1]) for i in range(len(images))])
        together = model(images)
        model(np.zeros((64, *model.facts.image_shape), np.uint8))  # warm-up of a full slice
    except Exception as error:  # noqa: BLE001 -- its own exception classes are not public
        raise ModelRefused(f"it does not run: {_first_line(error)}") from None
    worst = float(max(np.abs(alone - expected).max(), np.abs(together - expected).max()))
    if not worst <= _GOLDEN_TOLERANCE:
        raise ModelRefused(
            f"self-test failed: a golden probability is off by {worst:.3g} "
            f"(at most {_GOLDEN_TOLERANCE:g}): the file is damaged or the export was wrong"
        )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
