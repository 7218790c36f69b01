"""Measure the exported ONNX file on the test split; write figures, model card and report."""

import argparse
from pathlib import Path

from pipeline import arrays, evaluation, exported, files, provenance, stage, training_record
from pipeline.card import Origin, git_mark
from pipeline.config import flatten
from pipeline.dossier import Destinations, Dossier
from pipeline.robustness import challenges

READ = ("onnx", "activations", "prepared", "train-metrics", "train-plots")
WRITTEN = ("card", "predictions", "metrics", "plots", "report")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in READ + WRITTEN:
        parser.add_argument(f"--{name}", type=Path, required=True)
    paths = parser.parse_args(argv)
    params = stage.enter()
    chosen = params.evaluate
    prepared = arrays.load(paths.prepared)
    record = training_record.read(paths.train_metrics, paths.train_plots)
    model = exported.read(paths.onnx, paths.activations, dataset=prepared.dataset)
    found = evaluation.evaluate(
        model.session,
        prepared,
        batch_size=chosen.batch_size,
        bins=chosen.calibration_bins,
        challenges=challenges(
            shift=chosen.shift, rotation=chosen.rotation, noise=chosen.noise, blur=chosen.blur
        ),
    )
    git = git_mark(provenance.source_tags(stage.PARAMS))
    origin = Origin(hyperparameters=flatten(params), git=git, run=None)
    places = Destinations(paths.card, paths.predictions, paths.plots, paths.report)
    dossier = Dossier(model, found, prepared, record)
    dossier.write(places, origin, mistakes=chosen.mistakes)
    files.write_json(paths.metrics, found.plain())


if __name__ == "__main__":
    stage.run(main)
