"""Write the trained network as one ONNX file, once it answers as the network does."""

import shutil
import sys

from contract import files
from pipeline import command, config
from pipeline.data import arrays
from pipeline.export import from_checkpoint
from pipeline.tracking import provenance, trainings
from pipeline.tracking import store as tracking


def main(argv: list[str] | None = None) -> None:
    names = ("checkpoint", "prepared", "onnx", "activations", "variants", "metrics")
    paths = command.paths(__doc__, names, argv)
    params, given = command.enter()
    for earlier in (paths.onnx, paths.activations):  # none is left where this one fails
        earlier.unlink(missing_ok=True)
    shutil.rmtree(paths.variants, ignore_errors=True)
    prepared = arrays.load(paths.prepared)
    pair = from_checkpoint.export(
        from_checkpoint.load(paths.checkpoint, prepared.dataset),
        prepared,
        name=params.export.model_name,
        golden=params.export.golden_images,
        tolerance=params.export.parity_tolerance,
        kept=params.export.kept,
        temperature=params.export.temperature,
        coverage=params.evaluate.coverage,
        asked_variants=params.export.variants,
    )
    pair.write(paths.onnx, paths.activations, paths.variants)
    files.write_json(paths.metrics, pair.metrics)
    store = tracking.open_store(provenance.repository_root())
    run = store.find_or_restore(
        {"checkpoint.sha256": files.sha256_of_file(paths.checkpoint)},
        dataset=prepared.dataset.name,
        params_file=command.PARAMS,
    )
    run.add_params(config.flatten(params, "export"))
    run.add_onnx(paths.onnx, [paths.activations], classes=len(prepared.dataset.classes))
    sha256 = files.sha256_of_file(paths.onnx)
    run.add_tags({"onnx.sha256": sha256})
    run.add_results(pair.summary)
    trainings.remember(store.root, sha256, run.training)
    given.check()
    sys.stdout.write(f"{paths.onnx}: {pair.sentence()}\n")


if __name__ == "__main__":
    command.run(main)
