"""Write the trained network as one ONNX file, once it answers as the network does."""

import argparse
from pathlib import Path

from pipeline import (
    arrays,
    checkpoint,
    config,
    files,
    model_file,
    parity,
    provenance,
    stage,
    tracking,
)
from pipeline.classifier import ImageClassifier
from pipeline.twin_file import twin_bytes


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("checkpoint", "prepared", "onnx", "activations", "metrics"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    paths = parser.parse_args(argv)
    params = stage.enter()
    for earlier in (paths.onnx, paths.activations):  # none is left where this one fails
        earlier.unlink(missing_ok=True)
    prepared = arrays.load(paths.prepared)
    origin = checkpoint.read_origin(paths.checkpoint)
    model_file.check_data(origin, prepared.dataset)
    classifier = ImageClassifier.load_from_checkpoint(paths.checkpoint, map_location="cpu")
    metadata = model_file.describe(
        prepared.dataset,
        classifier.net,
        name=params.export.model_name,
        net_name=classifier.hparams["model"]["name"],
        params_sha256=origin.params_sha256,
    )
    model = model_file.model_bytes(
        classifier.net, metadata, prepared.val, golden=params.export.golden_images
    )
    twin = twin_bytes(
        classifier.net, metadata.image_shape, model_sha256=files.sha256_of_bytes(model)
    )
    images = prepared.val.images
    answers = model_file.torch_probabilities(classifier.net, images)
    gate = parity.Gate(images, answers, tolerance=params.export.parity_tolerance)
    found = gate.check(model, name=paths.onnx.name)
    found_of_twin = gate.check(twin, name=paths.activations.name)
    with files.atomic_write(paths.onnx) as file, files.atomic_write(paths.activations) as beside:
        file.write(model)
        beside.write(twin)
    metrics: dict[str, float | dict[str, float]] = {
        "activations_file_bytes": len(twin),
        "activations_parity": parity.plain(found_of_twin),
        "onnx_file_bytes": len(model),
        "onnx_parity": parity.plain(found),
    }
    files.write_json(paths.metrics, metrics)
    store = tracking.open_store(provenance.repository_root())
    run = store.find_or_restore(
        {"checkpoint.sha256": files.sha256_of_file(paths.checkpoint)},
        dataset=prepared.dataset.name,
        params_file=stage.PARAMS,
    )
    run.add_params(config.flatten(params, "export"))
    run.add_results(metrics)
    run.add_onnx(paths.onnx, [paths.activations], classes=len(metadata.classes))


if __name__ == "__main__":
    stage.run(main)
