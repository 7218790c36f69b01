"""Measure the exported ONNX file on the test split; write figures, model card and report."""

import sys

from pipeline import files, stage
from pipeline.config import flatten
from pipeline.data.arrays import load
from pipeline.evaluation import measured as evaluation
from pipeline.evaluation import training_record
from pipeline.evaluation.card import Origin, RunMark, git_mark
from pipeline.evaluation.robustness import challenges
from pipeline.export import exported
from pipeline.report.dossier import Destinations, Dossier
from pipeline.tracking import provenance
from pipeline.tracking import store as tracking

READ = ("onnx", "activations", "prepared", "train-plots")
WRITTEN = ("card", "predictions", "metrics", "plots", "report")


def main(argv: list[str] | None = None) -> None:
    paths = stage.paths(__doc__, READ + WRITTEN, argv)
    params = stage.enter()
    chosen = params.evaluate
    prepared = load(paths.prepared)
    record = training_record.read(paths.train_plots)
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
    store = tracking.open_store(provenance.repository_root())
    run = store.find_or_restore(
        {"onnx.sha256": model.sha256}, dataset=prepared.dataset.name, params_file=stage.PARAMS
    )
    git = git_mark(provenance.source_tags(stage.PARAMS))
    mark = RunMark(id=run.id, name=run.name, experiment=run.experiment)
    origin = Origin(hyperparameters=flatten(params), git=git, run=mark)
    places = Destinations(paths.card, paths.predictions, paths.plots, paths.report)
    dossier = Dossier(model, found, prepared, record)
    dossier.write(places, origin, mistakes=chosen.mistakes)
    files.write_json(paths.metrics, found.plain())
    run.add_params(flatten(params, "evaluate"))
    run.add_results(found.plain())
    run.add_files([paths.plots, paths.train_plots], "plots")
    run.add_files([paths.report], "reports")
    run.add_files([paths.card, paths.predictions], "model")
    run.complete(f"Test {found.test.told()}. Version {model.sha256[:12]}; see reports/index.html.")
    sys.stdout.write(f"test {found.test.told()}; see {paths.report}\n")


if __name__ == "__main__":
    stage.run(main)
