"""Train the network; one MLflow run per training, and a way back into an interrupted one."""

import argparse
import csv
import io
import os
from collections.abc import Sequence

from pipeline import config, files, stage
from pipeline.data import arrays
from pipeline.training import checkpoint, trainer
from pipeline.training import session as training
from pipeline.training.classifier import ImageClassifier


def main(argv: Sequence[str] | None = None) -> None:
    paths = stage.paths(__doc__, ("prepared", "checkpoint", "metrics", "plots"), argv)
    params = stage.enter()
    trainer.check_device(params.train)
    recipe = training.Recipe(params.model, params.train, arrays.load(paths.prepared))
    resume = os.environ.get("TRAIN_RESUME") != "0"
    told = config.flatten(params, "data", "model", "train")
    with training.tracked(recipe, told, stage.PARAMS, resume=resume) as under_way:
        module = training.fit(recipe, under_way)
        if run := under_way.run:
            write_results(paths, module, recipe)
            sha256 = files.sha256_of_file(paths.checkpoint)
            run.add_tags({"checkpoint.sha256": sha256})
            run.adopt(sha256)


def write_results(
    paths: argparse.Namespace, module: ImageClassifier, recipe: training.Recipe
) -> None:
    files.write_json(paths.metrics, training.results(module))
    files.write_bytes(paths.plots / "curves.csv", as_csv(module.history.curves))
    files.write_json(paths.plots / "replay.json", module.history.replay)
    checkpoint.write(paths.checkpoint, module, recipe.origin)


def as_csv(rows: Sequence[dict[str, float]]) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()


if __name__ == "__main__":
    stage.run(main)
