"""What models let through that is not of their world, seed by seed, and what the answer costs.

`python -m benchmarks.limits` trains `params.yaml` (or `--recipe`) with three seeds, exports each as
the pipeline does and asks the file. The cost is that of the same network's file without the output
`familiarity`: alternately in this process, and served to 64 connections (needs wrk).
"""

import argparse
import gc
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import msgspec
import numpy as np

from benchmarks import experiment, published_limits, record, report, watching
from contract import metadata
from pipeline import config
from pipeline.data import arrays
from pipeline.evaluation.evaluation import Evaluation, evaluate
from pipeline.export import from_checkpoint, model_file, onnx_run
from pipeline.export.from_checkpoint import Trained
from pipeline.training.classifier import ImageClassifier

CONNECTIONS = published_limits.CONNECTIONS
CASES = (watching.ONE, watching.ONE_BINARY)
RUNS = {1: 4000, 64: 200}  # in a row, by images of a run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="default", help="a file in recipes")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--prepared", type=Path, default=Path("data/prepared"))
    parser.add_argument("--rounds", type=int, default=7, help="of the cost")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a served measurement")
    asked = parser.parse_args()
    data, params = arrays.load(asked.prepared), record.read(asked.recipe)
    seeds, files = [], {}
    for seed in asked.seeds:
        recipe = msgspec.structs.replace(params.train, seed=seed)
        outcome, module = experiment.train(params.model, recipe, data, test=True)
        content = exported(module, data, params)
        seeds.append(experiment.as_json(outcome) | known(content, data, params))
        files = {"without": plain(module, data, params), "with": content}
    cost = {
        "rounds": asked.rounds,
        "run_us": in_process(files, data.dataset.image_shape, asked.rounds),
        "served": served(files, asked.rounds, asked.seconds),
        "bytes": len(files["with"]) - len(files["without"]),
    }
    name = "limits" if asked.recipe == "default" else f"limits-{asked.recipe}"
    more = "" if asked.recipe == "default" else f" --recipe {asked.recipe}"
    found = {
        "command": f"python -m benchmarks.limits{more}",
        "dataset": data.dataset.name,
        "machine": experiment.machine(params.train.threads),
        "net": params.model.name,
        "seeds": seeds,
        "cost": cost,
    }
    report.save(name, found)
    sys.stdout.write(published_limits.table(found))


def exported(module: ImageClassifier, data: arrays.Prepared, params: config.Params) -> bytes:
    return from_checkpoint.export(
        _trained(module),
        data,
        name=params.export.model_name,
        golden=params.export.golden_images,
        tolerance=params.export.parity_tolerance,
        kept=params.export.kept,
        temperature=params.export.temperature,
        coverage=params.evaluate.coverage,
    ).model


def plain(module: ImageClassifier, data: arrays.Prepared, params: config.Params) -> bytes:
    """The same network, in a file that says nothing of its limits."""
    trained = _trained(module)
    described = model_file.describe(
        data.dataset, trained.net, name=params.export.model_name,
        hyperparameters=trained.hyperparameters, params_sha256=trained.params_sha256,
    )  # fmt: skip
    return model_file.model_bytes(
        trained.net, described, data.val, golden=params.export.golden_images
    )


def _trained(module: ImageClassifier) -> Trained:
    return Trained(
        module.net.eval(), config.flatten(dict(module.hparams), "model", "train"), "0" * 64
    )


def known(content: bytes, data: arrays.Prepared, params: config.Params) -> dict[str, object]:
    """The figures of metrics/evaluate.json that are of limits; foreign ones also by probability."""
    session = onnx_run.open_session(content)
    said = metadata.read(session.get_modelmeta().custom_metadata_map).limits
    found: Evaluation = evaluate(
        session, data, batch_size=params.evaluate.batch_size, bins=params.evaluate.calibration_bins,
        challenges=(), said=said, foreign_images=params.evaluate.foreign,
    )  # fmt: skip
    if found.limits is None:
        raise RuntimeError("the exported file says nothing of its limits")
    by_probability = {one.name: one.by_probability.through.value for one in found.limits.foreign}
    return {**found.limits.plain(), "foreign_by_probability": by_probability}


def in_process(
    files: Mapping[str, bytes], shape: tuple[int, int, int], rounds: int
) -> dict[str, dict[str, float]]:
    """Microseconds of a run on one thread, by batch: the least of alternating rounds."""
    sessions = {who: onnx_run.open_session(content) for who, content in files.items()}
    generator, found = np.random.default_rng(0), {}
    for batch, runs in RUNS.items():
        images = generator.integers(0, 256, (batch, *shape), dtype=np.uint8)
        spent: dict[str, list[float]] = {who: [] for who in files}
        gc.collect()
        for _ in range(rounds):
            for who, session in sessions.items():
                began = time.process_time()
                for _ in range(runs):
                    session.run(None, {"images": images})
                spent[who].append((time.process_time() - began) / runs * 1e6)
        found[str(batch)] = {who: min(times) for who, times in spent.items()}
    return found


def served(files: Mapping[str, bytes], rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """Requests a second and processor time of a request, with over without; medians.

    V2's reply is the same with and without; /predict's says more of each image.
    """
    costs: dict[tuple[str, str], list[watching.Cost]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for who, content in files.items():
            (folder / f"{who}.onnx").write_bytes(content)
        for number in range(rounds):
            sys.stderr.write(f"round {number + 1} of {rounds}\n")
            for who in files:
                model = watching.unwatched(folder / f"{who}.onnx", folder / "served.onnx")
                with watching.served(model, [], folder, 0) as (process, calls):
                    for case in CASES:
                        cost = watching.measured(
                            process, calls[case], folder=folder, core=1, seconds=seconds,
                            connections=CONNECTIONS,
                        )  # fmt: skip
                        costs[who, case].append(cost)
    found = {}
    for case in CASES:
        pairs = list(zip(costs["with", case], costs["without", case], strict=True))
        found[case] = {
            "requests_ratio": median(one.requests_s / other.requests_s for one, other in pairs),
            "cpu_ratio": median(one.cpu_us / other.cpu_us for one, other in pairs),
        }
    return found


if __name__ == "__main__":
    main()
