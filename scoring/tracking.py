"""A summary as an evaluation run of MLflow, which is imported in a process of its own, when asked.

    python -m scoring.tracking <OUTPUT/_summary.json

The store is MLFLOW_TRACKING_URI, or mlflow.db of the current folder.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

_FAILED = 1
_PATIENCE_S = 300.0
_ARTIFACTS = "mlartifacts"
_LONGEST_NAME = 100  # characters of a run's name


def start(found: Mapping[str, Any], say: Callable[[str], object]) -> int:
    """Give the exit status of the child that logs; what it says is said."""
    command = [sys.executable, "-m", "scoring.tracking"]
    try:
        done = subprocess.run(  # noqa: S603 -- ourselves
            command, input=json.dumps(found), capture_output=True, text=True, check=False,
            timeout=_PATIENCE_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        say(
            f"error: no answer of MLflow in {_PATIENCE_S:g} s: the scores are whole, the run is not"
        )
        return _FAILED
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    say(lines[-1] if lines else "error: the process that logs to MLflow ended without a word")
    return _FAILED if done.returncode else 0


def main() -> int:
    found = json.load(sys.stdin)
    local = Path("mlflow.db").resolve()
    uri = os.environ.get("MLFLOW_TRACKING_URI") or (f"sqlite:///{local}" if local.exists() else "")
    if not uri:
        return _fail("MLFLOW_TRACKING_URI is not set and there is no mlflow.db here: set it")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    try:
        import mlflow  # noqa: PLC0415 -- seconds, and for whom asks alone
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 -- likewise
    except ModuleNotFoundError as error:
        return _fail(f"--mlflow needs MLflow ({error}): pip install 'mlflow>=3.17'")
    try:
        run = _logged(mlflow, uri, found)
    except (MlflowException, OSError) as error:
        return _fail(f"MLflow at {uri} refuses: {' '.join(str(error).split())[:300]}")
    sys.stdout.write(f"logged as run {run} of {uri}\n")
    return 0


def _logged(mlflow: Any, uri: str, found: Mapping[str, Any]) -> str:  # noqa: ANN401 -- imported late
    """Of an experiment of its own: trainings are looked for by their models' hashes."""
    client, model = mlflow.MlflowClient(uri), found["model"]
    name = f"{model['name']}-scoring"
    experiment = client.get_experiment_by_name(name)
    number = experiment.experiment_id if experiment else _created(client, uri, name)
    tags = {
        "scored.model": f"{model['name']} {model['version']}",
        "scored.onnx.sha256": model["sha256"],
        "scored.dataset.sha256": model["dataset"]["sha256"],
    }
    title = f"{found['input']}"[-_LONGEST_NAME:]
    run = client.create_run(number, run_name=title, tags=tags)
    entities = mlflow.entities
    try:
        now_ms = run.info.start_time
        client.log_batch(
            run.info.run_id,
            metrics=[entities.Metric(key, value, now_ms, 0) for key, value in _metrics(found)],
            params=[
                entities.Param("input", found["input"]),
                entities.Param("output", found["output"]),
                entities.Param("model_version", model["version"]),
                entities.Param("params_sha256", model["params_sha256"]),
            ],
        )
        client.log_dict(run.info.run_id, dict(found), "scoring.json")
    except BaseException:
        client.set_terminated(run.info.run_id, "FAILED")
        raise
    client.set_terminated(run.info.run_id, "FINISHED")
    return str(run.info.run_id)


def _created(client: Any, uri: str, name: str) -> str:  # noqa: ANN401 -- MLflow's, imported late
    """Beside a database of this machine lie its artifacts, as trainings' do."""
    place = Path(uri.removeprefix("sqlite:///")).parent / _ARTIFACTS / name
    kind = {"mlflow.experimentKind": "custom_model_development"}
    at = place.absolute().as_uri() if uri.startswith("sqlite:") else None
    return str(client.create_experiment(name, artifact_location=at, tags=kind))


def _metrics(found: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    yield "pictures", found["pictures"]
    yield "error_share", 1 - found["answered"] / found["pictures"]
    labels, drift, unknown = found["labels"], found["drift"], found["unknown"]
    if labels is not None and labels["accuracy"] is not None:
        yield "accuracy", labels["accuracy"]
        yield "labelled", labels["labelled"]
    if unknown is not None:
        yield "unknown_share", unknown["share"]
    for name, index in (drift["indexes"] if drift is not None else {}).items():
        if index is not None:
            yield f"drift/{name}", index


def _fail(text: str) -> int:
    sys.stderr.write(f"error: {text}\n")
    return _FAILED


if __name__ == "__main__":
    sys.exit(main())
