"""Train the network; one MLflow run per training, and an interrupted one is resumed."""

import argparse
import csv
import io
import os
import sys
from collections.abc import Sequence

from contract import files
from pipeline import command, config
from pipeline.data import arrays
from pipeline.tracking import provenance
from pipeline.training import checkpoint, cluster, finished, made_with, ranks, trainer
from pipeline.training import session as training
from pipeline.training.classifier import ImageClassifier
from pipeline.training.recipe import Recipe

CURVES, RECIPE, REPLAY = "curves.csv", "recipe.json", "replay.json"


def main(argv: Sequence[str] | None = None) -> None:
    paths = command.paths(__doc__, ("prepared", "checkpoint", "metrics", "plots"), argv)
    params, given = command.enter()
    trainer.check_device(params.train)
    places = {"devices": params.train.devices, "num_nodes": params.train.num_nodes}
    if cluster.needs_srun(**places):
        cluster.become_srun(**places)
    recipe = Recipe(params.model, params.train, arrays.load(paths.prepared)).resolved()
    if ranks.is_first() and (warning := made_with.warning(paths.metrics, recipe.train)):
        sys.stderr.write(f"{warning}\n")
    plots = [paths.plots / name for name in (CURVES, RECIPE, REPLAY)]
    outs = [paths.checkpoint, paths.metrics, *plots]
    resume = os.environ.get("TRAIN_RESUME") != "0"
    kept = finished.place(provenance.repository_root(), recipe.key)
    if trainer.first_says(recipe.train, resume and kept.exists):
        finished.adopt(kept, outs, paths.checkpoint, given)
        return
    hyperparameters = config.flatten(params, "data", "model", "train") | recipe.in_place_of_auto()
    with training.tracked(recipe, hyperparameters, command.PARAMS, resume=resume) as under_way:
        module = training.fit(recipe, under_way=under_way)
        if under_way.run:
            write_results(paths, module, recipe)
            under_way.made(paths.checkpoint)
    if under_way.run:
        finished.conclude(kept, outs, given, under_way.run)


def write_results(paths: argparse.Namespace, module: ImageClassifier, recipe: Recipe) -> None:
    measured = {**training.results(module), made_with.MADE_WITH: made_with.sentence(recipe.train)}
    files.write_json(paths.metrics, measured)
    files.write_bytes(paths.plots / CURVES, as_csv(module.history.curves))
    files.write_json(paths.plots / RECIPE, recipe.plain())
    files.write_json(paths.plots / REPLAY, module.history.replay)
    checkpoint.write(paths.checkpoint, module, recipe.origin)


def as_csv(rows: Sequence[dict[str, float]]) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()


if __name__ == "__main__":
    command.run(main)
