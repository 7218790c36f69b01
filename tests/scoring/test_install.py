"""Scoring needs nothing that training needs."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.scoring.jobs import ROOT, pictures

CHILD = """
import json, os, sys
from pathlib import Path
import scoring.__main__
from scoring import engine, worker
from scoring.run import Asked, run

asked = Asked(source=sys.argv[1], output=sys.argv[2], model=sys.argv[3], column=None, labels=None,
              workers=1, slice_pictures=64, ray=None)
found = run(asked, print)
print(json.dumps({"found": found, "modules": sorted({n.partition(".")[0] for n in sys.modules})}))
"""
FOREIGN = {"torch", "torchvision", "lightning", "mlflow", "dvc", "onnx", "sklearn", "matplotlib"}


def test_a_job_has_none_of_the_training_packages(tmp_path: Path, model: Path) -> None:
    """Nor Ray, which is not asked for: a child interpreter scores and lists its modules."""
    folder = pictures(tmp_path / "in", 5)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), str(tmp_path / "out"), str(model)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    printed = json.loads(done.stdout.splitlines()[-1])
    assert printed["found"]["answered"] == 5
    assert not (FOREIGN | {"pipeline", "ray"}).intersection(printed["modules"])
    assert {"daft", "onnxruntime", "scoring", "serving"} <= set(printed["modules"])


def test_every_package_that_scoring_imports_is_in_its_extra() -> None:
    """Beside Ray and MLflow, which are imported when they are asked for: no more, no less."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["scoring"]]
    offered = {re.split(r"[><=\\[]", line)[0] for line in wanted}
    imported = {"pillow", "onnxruntime"}  # through contract and serving.models
    for path in (ROOT / "scoring").rglob("*.py"):
        found = re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(), re.MULTILINE)
        imported |= set(found) - sys.stdlib_module_names
    assert imported - {"scoring", "serving", "contract", "ray", "mlflow"} == offered
