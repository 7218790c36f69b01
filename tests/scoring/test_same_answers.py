"""A picture's answer is the server's, whatever it is: to 1e-6; and so are the words of a no."""

import json
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contract.reading.rules import current
from tests.contract.reading.corpus import cases
from tests.end_to_end import picture_doors, pixel_model
from tests.scoring.jobs import scored
from tests.serving.live import serving
from tests.serving.onnx_files import build_model

TOLERANCE = 1e-6  # docs/http.md: of a probability, through whichever door
FILES = {case.name: case.data for case in cases()}


@dataclass(frozen=True)
class Model:
    path: Path
    every: int  # which of the corpus' files are asked about


@pytest.fixture(params=["pixels", pytest.param("photos", marks=pytest.mark.soak), "digits"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    """One that answers with the pixels it got, by two sets of rules; and one that frames digits."""
    path = tmp_path / "model.onnx"
    if request.param == "digits":
        rules = msgspec.json.encode(current(digit=True)).decode()
        path.write_bytes(build_model(more={"reading": rules}))
    else:
        fit, side = ("crop", 24) if request.param == "pixels" else ("pad", 41)
        pixel_model.write(path, current(fit=fit), (3, side, side))  # type: ignore[arg-type]
    return Model(path, 1 if request.param == "photos" else 4)


def test_rows_are_the_servers_answers(model: Model, tmp_path: Path) -> None:
    """Of files in a Parquet column, every format, depth, orientation and damage of the corpus."""
    names = list(FILES)[:: model.every]
    files = [FILES[name] for name in names]
    pq.write_table(pa.table({"image": files}), tmp_path / "corpus.parquet", row_group_size=50)
    options = ("--model", str(model.path), "--column", "image", "--slice", "40")
    found = scored(tmp_path / "corpus.parquet", tmp_path / "out", *options).rows
    assert len(found) == len(names)
    refused = 0
    with serving("--model", str(model.path), "--no-access-log") as server:
        for number, (name, data) in enumerate(zip(names, files, strict=True)):
            row = found[f"{tmp_path}/corpus.parquet#{number}"]
            answer = picture_doors.url(server, data)
            if answer.status == 200:
                served = picture_doors.probabilities(answer)
                assert row["error"] is None, name
                assert np.abs(served - row["probabilities"]).max() <= TOLERANCE, name
                assert row["label"] == answer.json["predictions"][0]["label"], name
            else:
                refused += 1
                assert row["probabilities"] is None, name
                said = json.loads(answer.body)["error"]
                is_memory = said.startswith("decoding takes")  # the server's, before the picture
                assert is_memory or row["error"] == said, name
    assert refused > 5
