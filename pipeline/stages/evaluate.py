"""Measure the exported ONNX file on the test split; write figures, model card and report."""

import sys
from dataclasses import replace

from contract import files
from pipeline import command
from pipeline.config import flatten
from pipeline.data.arrays import load
from pipeline.data.kinds import kind_of
from pipeline.evaluation import evaluation, training_record, variants
from pipeline.evaluation.card import Origin, RunMark, git_mark
from pipeline.evaluation.robustness import challenges
from pipeline.export import read_back, variant_table
from pipeline.report import findings
from pipeline.report.results import Destinations, Results
from pipeline.tracking import provenance
from pipeline.tracking import store as tracking

READ = ("onnx", "activations", "variants", "prepared", "prepare-plots", "train-plots")
GROUPS = {"test": "on_test", "feedback": "on_feedback"}  # in the tracker
WRITTEN = ("card", "predictions", "metrics", "plots", "report")


def main(argv: list[str] | None = None) -> None:
    paths = command.paths(__doc__, READ + WRITTEN, argv)
    params, given = command.enter()
    chosen = params.evaluate
    prepared = load(paths.prepared)
    record = training_record.read(paths.train_plots)
    model = read_back.read(paths.onnx, paths.activations, dataset=prepared.dataset)
    table = variant_table.read(paths.variants, model_sha256=model.sha256)
    found = evaluation.evaluate(
        model.session,
        prepared,
        batch_size=chosen.batch_size,
        bins=chosen.calibration_bins,
        challenges=challenges(
            kind_of(prepared.dataset),
            shift=chosen.shift,
            rotation=chosen.rotation,
            noise=chosen.noise,
            blur=chosen.blur,
        ),
        said=model.metadata.limits,
        foreign_images=chosen.foreign,
    )
    beside = variants.measure(table, paths.onnx, model.session, prepared.val.images)
    found = replace(found, variants=beside)
    store = tracking.open_store(provenance.repository_root())
    run = store.find_or_restore(
        {"onnx.sha256": model.sha256}, dataset=prepared.dataset.name, params_file=command.PARAMS
    )
    git = git_mark(provenance.source_tags(command.PARAMS))
    mark = RunMark(training=run.training, **run.mark())
    measured = flatten(params, "evaluate")
    origin = Origin(evaluation=measured, git=git, run=mark)
    places = Destinations(paths.card, paths.predictions, paths.plots, paths.report)
    audited = findings.read(paths.prepare_plots)
    results = Results(model, found, prepared, record, audited)
    results.write(places, origin, mistakes=chosen.mistakes)
    files.write_json(paths.metrics, found.plain())
    run.add_params(measured)
    run.add_data(prepared.dataset)  # of a restored run, which has none yet
    run.add_results({GROUPS.get(group, group): values for group, values in found.plain().items()})
    run.add_results({"pictures": audited.metrics()})
    run.add_files([paths.plots, paths.train_plots], "plots")
    run.add_files([paths.report], "reports")
    run.add_files([paths.card, paths.predictions], "model")
    run.complete(
        f"Test {found.test.sentence()}. Version {model.sha256[:12]}; see reports/index.html."
    )
    given.check(run.withdraw)
    sys.stdout.write(f"test {found.test.sentence()}; see {paths.report}\n")


if __name__ == "__main__":
    command.run(main)
