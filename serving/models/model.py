"""One exported ONNX file becomes a Model: checked, self-tested, ready to run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from contract import metadata
from contract.arrays import Familiarities, Images, Probabilities
from contract.files import sha256_of_bytes
from contract.metadata import DatasetMark, Limits, MetadataError, Statistics
from contract.reading import probes
from contract.reading.errors import RulesError
from contract.reading.probes import Probes
from contract.reading.rules import Rules
from serving.errors import ModelRefused

_GOLDEN_TOLERANCE = 1e-4  # float32 on another processor; a wrong weight moves far more
_FAMILIARITY_TOLERANCE = 1e-2  # of a quantile, which is steep where many images lie

Answers = NDArray[np.float32]  # (N, classes); with familiarity as a last column where there is one


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the file says about itself."""

    name: str
    version: str  # first 12 hex digits of the file's sha256
    sha256: str
    net: str
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]  # C, H, W
    dataset: DatasetMark
    params_sha256: str
    parameters: int
    statistics: Statistics  # of the training images
    is_bright: bool  # pixels above the first bin of intensity were trained on
    rules: Rules  # how pictures become images
    trained_formats: tuple[str, ...]  # of the pictures trained on; empty: not known
    probes: Probes  # what the probe pictures gave at export; none in files from before
    golden_images: Images
    golden_labels: tuple[int, ...]
    golden_probabilities: Probabilities
    golden_familiarity: tuple[float, ...]
    limits: Limits | None  # None in files from before
    variant_of: str  # sha256 of the model that it is a variant of; empty: none

    @property
    def model_sha256(self) -> str:
        """Of the model that the card beside it names."""
        return self.variant_of or self.sha256

    @property
    def is_judge(self) -> bool:
        """Whether the file has the output `familiarity`."""
        return self.limits is not None and self.limits.familiarity is not None

    @property
    def outputs(self) -> tuple[str, ...]:
        """Of the file, in its order, which is that of `parts`."""
        return (Model.output_name, Model.familiarity_name)[: 2 if self.is_judge else 1]

    @property
    def least_familiarity(self) -> float:
        """Of an image that is known; 0 where the model cannot tell."""
        return self.limits.familiarity.threshold if self.limits and self.limits.familiarity else 0.0

    def parts(self, answers: Answers) -> tuple[Probabilities, Familiarities | None]:
        """What Model.answer gives, as probabilities (N, classes) and familiarity (N,)."""
        classes = len(self.classes)
        if answers.shape[1] == classes:
            return answers, None
        return answers[:, :classes], answers[:, classes]

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
    familiarity_name: ClassVar[str] = "familiarity"

    def __init__(self, facts: Facts, session: ort.InferenceSession) -> None:
        self.facts = facts
        self._session = session

    def __call__(self, images: Images) -> Probabilities:
        outputs = self._session.run([self.output_name], {self.input_name: images})
        probabilities: Probabilities = outputs[0]
        return probabilities

    def answer(self, images: Images) -> Answers:
        """All that the file gives of the images, as one array: Facts.parts takes it apart."""
        if not self.facts.is_judge:
            return self(images)
        names = [self.output_name, self.familiarity_name]
        probabilities, familiarity = self._session.run(names, {self.input_name: images})
        classes = probabilities.shape[1]
        joined = np.empty((len(images), classes + 1), np.float32)
        joined[:, :classes] = probabilities
        joined[:, classes] = familiarity
        return joined


def load(content: bytes, *, threads: int, variant_of: str = "") -> Model:
    """Read, check against the contract and self-test; raises ModelRefused.

    With the sha256 of a model in `variant_of`, a variant of it is taken, and nothing else.
    """
    try:
        session = ort.InferenceSession(
            content, sess_options(threads), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # noqa: BLE001 -- its own exception classes are not public
        raise ModelRefused(f"onnxruntime cannot read it: {_first_line(error)}") from None
    facts = _facts(session.get_modelmeta().custom_metadata_map, content)
    _check_variant(facts, variant_of)
    _check_graph(session, facts)
    _check_pixels(facts)
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


def _facts(properties: Mapping[str, str], content: bytes) -> Facts:
    try:
        said = metadata.read(properties)
        images, probabilities = said.golden.arrays(said.image_shape)
    except RulesError as error:
        raise ModelRefused(f"cannot be served here: {error}") from None
    except MetadataError as error:
        raise ModelRefused(f"{_first_line(error)}: export it again") from None
    sha256 = sha256_of_bytes(content)
    return Facts(
        name=said.model_name,
        version=sha256[:12],
        sha256=sha256,
        net=said.net,
        classes=said.classes,
        image_shape=said.image_shape,
        dataset=said.dataset,
        params_sha256=said.params_sha256,
        parameters=said.parameters,
        statistics=said.statistics,
        is_bright=said.statistics.is_bright,
        rules=said.reading,
        trained_formats=said.trained_formats,
        probes=said.probes,
        golden_images=images,
        golden_labels=said.golden.labels,
        golden_probabilities=probabilities,
        golden_familiarity=said.golden.familiarity,
        limits=said.limits,
        variant_of=said.variant_of,
    )


def _check_variant(facts: Facts, variant_of: str) -> None:
    if facts.variant_of == variant_of:
        return
    if not variant_of:
        raise ModelRefused(
            f"is a variant of the model {facts.variant_of[:12]!r}: give that model, and --variant"
        )
    given = f"of the model {facts.variant_of[:12]!r}" if facts.variant_of else "no variant"
    raise ModelRefused(
        f"variant is {given}, and the model beside it is {variant_of[:12]!r}: "
        "`dvc repro export` makes both anew"
    )


def _check_graph(session: ort.InferenceSession, facts: Facts) -> None:
    inputs = [(item.name, item.type, tuple(item.shape[1:])) for item in session.get_inputs()]
    if inputs != [(Model.input_name, "tensor(uint8)", facts.image_shape)]:
        raise ModelRefused(f"its inputs are {inputs}: images, uint8, {facts.image_shape} expected")
    outputs: list[tuple[str, str, Any]] = [
        (item.name, item.type, tuple(item.shape[1:])) for item in session.get_outputs()
    ]
    expected: list[tuple[str, str, Any]] = [
        (Model.output_name, "tensor(float)", (len(facts.classes),)),
        (Model.familiarity_name, "tensor(float)", ()),
    ]
    if outputs != expected[: 2 if facts.is_judge else 1]:
        more = "; familiarity, float32, []" if facts.is_judge else ""
        raise ModelRefused(
            f"its outputs are {outputs}: probabilities, float32, [{len(facts.classes)}]{more} "
            "expected"
        )
    golden = (len(facts.golden_images), len(facts.classes))
    if golden[0] == 0 or facts.golden_probabilities.shape != golden:
        raise ModelRefused("its golden inputs and probabilities do not fit each other")
    if len(facts.golden_familiarity) != (golden[0] if facts.is_judge else 0):
        raise ModelRefused("its golden inputs and their familiarity do not fit each other")


def _check_pixels(facts: Facts) -> None:
    """Read the probe pictures as export did: other pixels would be other pictures than training's.

    ModelRefused.
    """
    if faults := probes.check(facts.probes, facts.rules, facts.image_shape):
        raise ModelRefused(
            f"reads pictures otherwise here than where it was exported: {'; '.join(faults)}. "
            "Install the Pillow that constraints.txt names, or export the model again here"
        )


def _self_test(model: Model) -> None:
    """Golden inputs must give the probabilities that the export saw, alone and in one batch."""
    images, expected = model.facts.golden_images, model.facts.golden_probabilities
    try:
        alone = np.concatenate([model.answer(images[i : i + 1]) for i in range(len(images))])
        together = model.answer(images)
    except Exception as error:  # noqa: BLE001 -- its own exception classes are not public
        raise ModelRefused(f"it does not run: {_first_line(error)}") from None
    judged = np.array(model.facts.golden_familiarity, np.float32)
    checks = [("probability", 0, expected, _GOLDEN_TOLERANCE)]
    if model.facts.is_judge:
        checks.append(("familiarity", 1, judged, _FAMILIARITY_TOLERANCE))
    for what, part, known, allowed in checks:
        found = [np.asarray(model.facts.parts(answers)[part]) for answers in (alone, together)]
        worst = float(max(np.abs(one - known).max() for one in found))
        if not worst <= allowed:
            raise ModelRefused(
                f"self-test failed: a golden {what} is off by {worst:.3g} "
                f"(at most {allowed:g}): the file is damaged or the export was wrong"
            )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
