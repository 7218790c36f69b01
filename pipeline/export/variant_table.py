"""variants.json: how the variants of a model compare with it; in the folder beside their files."""

from pathlib import Path

import msgspec
from msgspec import Struct

from pipeline.errors import PipelineError
from pipeline.export.variant_gate import Judgement, Quality

TABLE = "variants.json"


class VariantsError(PipelineError):
    """The folder of the variants is not what export wrote beside this model."""


class Table(Struct, frozen=True, kw_only=True):
    """How the variants compare with the model, on the validation images."""

    model_sha256: str
    images: int
    fp32: Quality | None = None  # None: no other was asked for
    variants: dict[str, Judgement] = {}
    failed: dict[str, str] = {}  # why there was nothing to judge

    @property
    def served(self) -> list[str]:
        return [name for name, one in self.variants.items() if not one.reason]

    def reasons(self) -> dict[str, str]:
        """Why a variant is not served, by its name."""
        judged = {name: one.reason for name, one in self.variants.items() if one.reason}
        return judged | self.failed

    def sentences(self) -> dict[str, str]:
        """Each variant in a line, for the card and the registry."""
        judged = {name: _sentence(one) for name, one in self.variants.items()}
        return judged | {name: f"not made: {why}" for name, why in self.failed.items()}

    def numbers(self) -> dict[str, dict[str, float]]:
        """By variant, for metrics and the tracker."""
        failed: dict[str, dict[str, float]] = {name: {"passed": 0} for name in self.failed}
        return failed | {
            name: {
                "accuracy": one.quality.accuracy,
                "bytes": one.quality.bytes,
                "changed": one.changed,
                "ece": one.quality.ece,
                "nll": one.quality.nll,
                "passed": int(not one.reason),
            }
            for name, one in self.variants.items()
        }

    def metrics(self) -> dict[str, dict[str, float | str]]:
        """For metrics/export.json: the numbers, and the reason where there is one."""
        why = self.reasons()
        return {
            name: {**values, **({"reason": why[name]} if name in why else {})}
            for name, values in self.numbers().items()
        }


def read(folder: Path, *, model_sha256: str) -> Table:
    """Raises VariantsError where it is another model's, torn, or other files are there."""
    path = folder / TABLE
    try:
        table = msgspec.json.decode(path.read_bytes(), type=Table)
    except (OSError, msgspec.DecodeError) as error:
        raise VariantsError(
            f"{path} cannot be read ({error}): run `dvc repro -f export`"
        ) from error
    if table.model_sha256 != model_sha256:
        raise VariantsError(
            f"{path} belongs to the model {table.model_sha256[:12]!r}, and this one is "
            f"{model_sha256[:12]!r}: run `dvc repro -f export`"
        )
    found = sorted(one.stem for one in folder.glob("*.onnx"))
    if found != sorted(table.served):
        raise VariantsError(
            f"{folder} holds the variants {found!r}, and {TABLE} says {table.served!r}: "
            "run `dvc repro -f export`"
        )
    return table


def _sentence(one: Judgement) -> str:
    found = (
        f"accuracy {one.quality.accuracy:.2%} on validation, {one.changed:.2%} of the answers "
        f"changed, {one.quality.bytes:,} bytes"
    )
    return f"not served: {one.reason}" if one.reason else found
