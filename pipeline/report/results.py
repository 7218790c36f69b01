"""Everything that evaluate writes about a model: figures, tables, predictions, card, report."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from matplotlib.figure import Figure
from msgspec import structs

from contract import files
from pipeline.data import lettering
from pipeline.data.arrays import Prepared
from pipeline.evaluation import tables
from pipeline.evaluation.card import Card, Origin, columns, replay_shown
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.training_record import TrainingRecord
from pipeline.export.read_back import Exported
from pipeline.report import drawing, illustrations
from pipeline.report import page as report
from pipeline.report.findings import Audited
from pipeline.report.sections import Page


@dataclass(frozen=True)
class Destinations:
    card: Path
    predictions: Path
    plots: Path  # a folder
    report: Path


@dataclass(frozen=True)
class Results:
    model: Exported
    found: Evaluation
    prepared: Prepared
    record: TrainingRecord
    audit: Audited

    def write(self, to: Destinations, origin: Origin, *, mistakes: int) -> None:
        """At most so many `mistakes` are pictured."""
        written = self.card(origin)
        names = self.prepared.dataset.classes
        written_names = lettering.shown(names)
        drawn = self._drawn(written_names, mistakes)
        drawing.save_all(drawn, to.plots)
        if names != written_names:  # a page's reader may have the fonts
            drawn = self._drawn(names, mistakes)
        tables.write_all(self.found.tables(written.classes), to.plots)
        self.found.save_predictions(to.predictions)
        files.write_bytes(to.report, self.report(written, drawn).encode())
        files.write_json(to.card, msgspec.to_builtins(written))

    def _drawn(self, names: tuple[str, ...], mistakes: int) -> dict[str, Figure]:
        drawing.letter(names)
        named = replace(
            self.prepared, dataset=structs.replace(self.prepared.dataset, classes=names)
        )
        return illustrations.draw(
            self.found, named, self.record, self.model.activations, mistakes=mistakes
        )

    def card(self, origin: Origin) -> Card:
        metadata, replay = self.model.metadata, self.record.replay
        return Card(
            model_sha256=self.model.sha256,
            name=metadata.model_name,
            net=metadata.net,
            dataset=metadata.dataset,
            classes=metadata.classes,
            parameters=metadata.parameters,
            hyperparameters={**metadata.hyperparameters, **origin.evaluation},
            asked=metadata.asked,
            metrics=self.found.plain(),
            variants=self.found.variants.sentences() if self.found.variants else {},
            per_class=columns(self.found.class_table(metadata.classes)),
            run=origin.run,
            git=origin.git,
            curves=self.record.curves.plain(),
            replay=replay_shown(replay, self.prepared.val.images[list(replay.images)]),
        )

    def report(self, card: Card, drawn: Mapping[str, Figure]) -> str:
        return report.render(
            Page(
                card=card,
                dataset=self.prepared.dataset,
                evaluation=self.found,
                charts={name: drawing.svg(one) for name, one in drawn.items()},
                contact_sheet=illustrations.contact_sheet(self.prepared),
                curves=self.record.curves,
                file_bytes=self.model.file_bytes,
                layers=self.model.activations.layers,
                findings=self.audit.html(),
            )
        )
