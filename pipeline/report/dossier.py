"""Everything that evaluate writes about a model: figures, tables, predictions, card, report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from matplotlib.figure import Figure

from pipeline import files
from pipeline.data.arrays import Prepared
from pipeline.evaluation import tables
from pipeline.evaluation.card import Card, Origin, columns, replay_shown
from pipeline.evaluation.measured import Evaluation
from pipeline.evaluation.training_record import TrainingRecord
from pipeline.export.exported import Exported
from pipeline.report import drawing, illustrations
from pipeline.report import page as report
from pipeline.report.sections import Page


@dataclass(frozen=True)
class Destinations:
    card: Path
    predictions: Path
    plots: Path  # a folder
    report: Path


@dataclass(frozen=True)
class Dossier:
    model: Exported
    found: Evaluation
    prepared: Prepared
    record: TrainingRecord

    def write(self, to: Destinations, origin: Origin, *, mistakes: int) -> None:
        """At most so many `mistakes` are pictured."""
        written = self.card(origin)
        drawn = illustrations.draw(
            self.found, self.prepared, self.record, self.model.twin, mistakes=mistakes
        )
        drawing.save_all(drawn, to.plots)
        tables.write_all(self.found.tables(written.classes), to.plots)
        self.found.save_predictions(to.predictions)
        files.write_bytes(to.report, self.report(written, drawn).encode())
        files.write_json(to.card, msgspec.to_builtins(written))

    def card(self, origin: Origin) -> Card:
        metadata, replay = self.model.metadata, self.record.replay
        return Card(
            model_sha256=self.model.sha256,
            name=metadata.model_name,
            net=metadata.net,
            dataset=metadata.dataset,
            classes=metadata.classes,
            parameters=metadata.parameters,
            hyperparameters=origin.hyperparameters,
            metrics=self.found.plain(),
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
            )
        )
