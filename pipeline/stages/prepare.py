"""Prepare: data/raw or data/images into uint8 arrays, their description and a contact sheet."""

import sys
from pathlib import Path

from pipeline import feedback, stage
from pipeline.config import Data
from pipeline.data import arrays, assemble, datasets, decode, pictures, raw
from pipeline.data.contact_sheet import contact_sheet
from pipeline.files import write_bytes


def main(argv: list[str] | None = None) -> None:
    paths = stage.paths(__doc__, ("raw", "pictures", "feedback", "prepared", "plots"), argv)
    data = stage.enter().data
    source = raw.load(paths.raw, data.dataset)
    official = read(source, data, paths.raw, paths.pictures)
    train, val, test = assemble.divide(
        official, validation_fraction=data.validation_fraction, limit=data.limit, seed=data.seed
    )
    kept = None
    if data.feedback:
        shape = (train.images.shape[1], *train.images.shape[2:])
        told = feedback.load(
            paths.feedback, dataset=official.name, classes=official.classes, shape=shape
        )
        train, kept = feedback.join(train, told.train), told.held_out
    requested = datasets.title(source.requested, data.emnist_split)
    prepared = assemble.describe(official, source, requested, (train, val, test), kept)
    sheet = contact_sheet(prepared.train.images, prepared.train.labels, official.classes)
    write_bytes(paths.plots / "contact_sheet.png", sheet)
    arrays.save(paths.prepared, prepared)
    sys.stdout.write(summary(prepared.dataset))


def read(source: raw.Source, data: Data, raw_folder: Path, images: Path) -> decode.Official:
    if source.name == "folder":
        return pictures.load(images, size=data.folder_size, colour=data.folder_colour)
    return decode.decode(raw_folder / source.name, source.name, data.emnist_split)


def summary(dataset: arrays.Dataset) -> str:
    counts, shape = dataset.counts, "x".join(map(str, dataset.image_shape))
    return (
        f"{dataset.name} ({dataset.source}): {counts.train:,} train, {counts.val:,} val, "
        f"{counts.test:,} test images of {shape}, {len(dataset.classes)} classes\n"
    )


if __name__ == "__main__":
    stage.run(main)
