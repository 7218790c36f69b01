"""The server needs nothing that training needs."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.serving.live import ROOT

CHILD = """
import json, sys, threading, time, os, signal, urllib.request
from serving.__main__ import main

def ask():
    url = f"http://127.0.0.1:{sys.argv[2]}"
    for _ in range(500):
        try:
            urllib.request.urlopen(url + "/v2/health/ready").read()
            break
        except OSError:
            time.sleep(0.02)
    request = urllib.request.Request(url + "/predict", bytes(784),
                                     {"Content-Type": "application/octet-stream"})
    reply = json.loads(urllib.request.urlopen(request).read())
    modules = sorted({name.partition(".")[0] for name in sys.modules})
    print(json.dumps({"reply": reply, "modules": modules}))
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=ask).start()
sys.exit(main(["--model", sys.argv[1], "--port", sys.argv[2]]))
"""
FOREIGN = {
    "grpc",
    "torch",
    "torchvision",
    "lightning",
    "mlflow",
    "dvc",
    "onnx",
    "pandas",
    "sklearn",
}


def test_a_server_that_answered_has_none_of_the_training_packages(
    tiny_model: Path, free_port: int
) -> None:
    """A child interpreter serves a prediction and lists its modules."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tiny_model), str(free_port)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    printed = json.loads(done.stdout)
    assert len(printed["reply"]["predictions"]) == 1
    assert not FOREIGN.intersection(printed["modules"])
    assert "pipeline" not in printed["modules"]


def test_every_package_that_serving_imports_is_in_its_extra() -> None:
    """`pip install '.[serving]'` is enough, with `registry` for models:/… and `grpc`: no more."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["serving"], *extras["registry"], *extras["grpc"]]
    packages = {re.split(r"[><=\[]", line)[0] for line in wanted}
    modules = {"pillow": "PIL", "pysimdjson": "simdjson", "mlflow-skinny": "mlflow"}
    modules |= {"python-multipart": "python_multipart", "grpcio": "grpc", "protobuf": "google"}
    offered = {modules.get(name, name) for name in packages}
    imported = set()
    for path in (ROOT / "serving").rglob("*.py"):
        found = re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(), re.MULTILINE)
        imported |= set(found) - sys.stdlib_module_names
    assert imported - {"serving", "contract"} == offered
