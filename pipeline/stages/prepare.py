"""Prepare: data/raw or data/images into uint8 arrays, their description and a contact sheet."""

import sys
from argparse import Namespace
from pathlib import Path

import msgspec

from contract.files import write_bytes, write_json
from pipeline import command
from pipeline.config import Data
from pipeline.data import (
    arrays,
    assemble,
    audit,
    datasets,
    decode,
    doubles_sheet,
    gathering,
    lettering,
    pictures,
    raw,
    unfinished,
)
from pipeline.data.contact_sheet import contact_sheet
from pipeline.lifecycle import feedback


def main(argv: list[str] | None = None) -> None:
    paths = command.paths(__doc__, ("raw", "pictures", "feedback", "prepared", "plots"), argv)
    params, given = command.enter()
    data = params.data
    source = raw.load(paths.raw, data.dataset)
    if source.name == "folder":
        prepared = own_pictures(source, data, paths)
    else:
        prepared = published(source, data, paths)
    given.check()
    sys.stdout.write(summary(prepared.dataset))


def published(source: raw.Source, data: Data, paths: Namespace) -> arrays.Prepared:
    official = decode.decode(paths.raw / source.name, source.name, data.emnist_split)
    train, val, test = assemble.divide(
        official, validation_fraction=data.validation_fraction, limit=data.limit, seed=data.seed
    )
    channels, height, width = train.images.shape[1:]
    corrections = corrected(
        data, paths.feedback, official.name, official.classes, (channels, height, width)
    )
    prepared = assemble.describe(
        official,
        source,
        datasets.title(source.requested, data.emnist_split),
        (feedback.join(train, corrections.train), val, test),
        corrections.held_out,
        reading=datasets.reading(source.name, data.folder_fit),
    )
    draw(prepared, paths.plots)
    arrays.save(paths.prepared, prepared)
    return prepared


def own_pictures(source: raw.Source, data: Data, paths: Namespace) -> arrays.Prepared:
    """Decode into .prepare/KEY, from where a killed prepare stopped; then rename."""
    rules, shape = datasets.reading(source.name, data.folder_fit), datasets.image_shape(data)
    listing, plan = pictures.listed(paths.pictures, data)
    name = data.name or source.name
    corrections = corrected(data, paths.feedback, name, listing.classes, shape)
    key = unfinished.key_of(listing, plan, rules, shape)
    with unfinished.locked(paths.prepared, key) as folder:
        work = unfinished.Unfinished(folder, listing, plan, shape)
        found = pictures.decode(work, listing, plan, rules, shape)
        pictures.refuse_unreadable(found, data.folder_unreadable, paths.plots)
        gathered = gathering.gather(
            work, found, corrections.train, name=name, allow_leak=data.allow_leak
        )
        prepared = assemble.describe(
            gathered, source, gathered.name, gathered.splits, corrections.held_out, reading=rules
        )
        draw(prepared, paths.plots)
        report(audit.audit(found, gathered), prepared, paths.plots)
        arrays.publish(work.arrays, paths.prepared, prepared)
    return prepared


def corrected(
    data: Data, folder: Path, name: str, classes: tuple[str, ...], shape: tuple[int, int, int]
) -> feedback.Feedback:
    """What people corrected, if it is asked for: to learn from, and to be measured on."""
    if not data.feedback:
        return feedback.none(shape)
    return feedback.load(folder, dataset=name, classes=classes, shape=shape)


def draw(prepared: arrays.Prepared, plots: Path) -> None:
    train = prepared.train
    sheet = contact_sheet(train.images, train.labels, prepared.dataset.classes)
    write_bytes(plots / "contact_sheet.png", sheet)
    if warning := lettering.lost(prepared.dataset.classes):
        sys.stderr.write(f"{warning}\n")


def report(found: audit.Audit, prepared: arrays.Prepared, plots: Path) -> None:
    """What is remarkable, to files for the report, and in lines for who stands before it."""
    write_json(plots / audit.AUDIT_JSON, msgspec.to_builtins(found))
    picture = doubles_sheet.sheet(found, dict(prepared.splits()))
    if picture:
        write_bytes(plots / doubles_sheet.DOUBLES_PNG, picture)
    sys.stdout.write("".join(f"{line}\n" for line in audit.remarks(found)))


def summary(dataset: arrays.Dataset) -> str:
    counts, shape = dataset.counts, "x".join(map(str, dataset.image_shape))
    return (
        f"{dataset.name} ({dataset.source}): {counts.train:,} train, {counts.val:,} val, "
        f"{counts.test:,} test images of {shape}, {len(dataset.classes)} classes\n"
    )


if __name__ == "__main__":
    command.run(main)
