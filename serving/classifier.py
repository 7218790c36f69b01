"""One exported model in Python, without a server: picture files in, labels out.

Pictures are read by the code and the rules that the server uses, so the answers are the server's.

    from serving import Classifier

    classify = Classifier("models/model.onnx")
    print(classify("docs/seven.png").label)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract import granted
from contract.arrays import Images
from serving.errors import ModelRefused, TooLarge
from serving.models.model import load
from serving.models.sources import source_of
from serving.pictures.fitting import Pixels, Way, fitted

_MOST_BYTES = 32 << 20  # of one file: the server's default limit


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most probable class of one picture, and the probability of every class."""

    label: str
    index: int  # of the class, from 0
    probability: float  # 0 to 1
    probabilities: dict[str, float]  # by label, in the order of the model's classes
    familiarity: float | None = None  # 0 to 1; None: the model cannot tell, as of the two below
    set: tuple[str, ...] | None = None  # the classes that cannot be excluded
    known: bool | None = None  # familiar enough, by the model's own threshold


class Classifier:
    """A model file, checked and self-tested as the server does; threads may share it."""

    def __init__(self, model: str | Path, *, threads: int | None = None) -> None:
        """Load the ONNX file at the path `model`; `threads` of a run, None: the available cores.

        Raises ModelRefused, which names the file, where it is missing, damaged or off contract.
        """
        try:
            content = source_of(str(model)).read()
            self._model = load(content, threads=threads or granted.cores())
        except ModelRefused as error:
            raise ModelRefused(f"the model {str(model)!r} is refused: {error}") from None
        self.facts = self._model.facts
        self._way = Way(rules=self.facts.rules, shape=self.facts.image_shape)

    def __call__(self, picture: str | Path | bytes) -> Prediction:
        """Classify one picture's file, given by its path or as its bytes.

        Raises OSError where the file cannot be read, and a ServingError where it is no picture
        (UnsupportedMediaType), broken (BadRequest), or too large (TooLarge).
        """
        return self.predict(self.read(picture)[np.newaxis])[0]

    def read(self, picture: str | Path | bytes) -> Pixels:
        """Give the model's view of one picture, uint8 (C, H, W); raises as a call does."""
        self._way.check_channels()
        return fitted(picture if isinstance(picture, bytes) else _content(picture), self._way)

    def predict(self, images: Images) -> list[Prediction]:
        """Classify uint8 images (N, C, H, W), as `read` gives them."""
        classes = self.facts.classes
        answers = self._model.answer(images)
        rows = answers.astype(str).astype(float).tolist()  # float32's shortest digits
        indexes = [max(range(len(classes)), key=row.__getitem__) for row in rows]
        return [
            Prediction(
                classes[index], index, row[index], dict(zip(classes, row, strict=False)),
                *self._limits(exact),
            )
            for index, row, exact in zip(indexes, rows, answers.tolist(), strict=True)
        ]  # fmt: skip

    def _limits(
        self, row: Sequence[float]
    ) -> tuple[float | None, tuple[str, ...] | None, bool | None]:
        """Familiarity, set and known, of an image's answers."""
        limits, inside, familiarity, known = self.facts.limits, None, None, None
        if limits and limits.conformal:
            pairs = zip(self.facts.classes, row, strict=False)  # familiarity may follow
            inside = tuple(name for name, one in pairs if one >= limits.conformal.least)
        if limits and limits.familiarity:
            familiarity = float(str(np.float32(row[-1])))
            known = row[-1] >= limits.familiarity.threshold
        return familiarity, inside, known


def _content(path: str | Path) -> bytes:
    """Read a file within the limit on its bytes; raises OSError, TooLarge."""
    with Path(path).open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise TooLarge(f"the file has more than {_MOST_BYTES:,} bytes: send it smaller")
    return content
