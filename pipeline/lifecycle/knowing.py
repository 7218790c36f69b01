"""Does a challenger know as much of its limits as the champion? By the foreign sets of evaluate."""

from collections.abc import Mapping
from statistics import fmean

AUROC = "foreign_auroc."  # of metrics/evaluate.json, before the name of a set
NOTABLE = 0.005  # of the mean; less is the luck of one training


def told(challenger: Mapping[str, float], champion: Mapping[str, str]) -> str:
    """A clause after the comparison of accuracies; empty where neither was measured.

    `champion`: its tags, which have the same names after `metrics.`.
    """
    mine = {name: value for name, value in challenger.items() if name.startswith(AUROC)}
    theirs = {
        name: float(champion[f"metrics.{name}"]) for name in mine if f"metrics.{name}" in champion
    }
    if not mine:
        measured = any(name.startswith(f"metrics.{AUROC}") for name in champion)
        return "; it says nothing of its limits, and the champion does" if measured else ""
    if not theirs:
        return "; it knows its limits, and the champion says nothing of them"
    ours, others = fmean(mine[name] for name in theirs), fmean(theirs.values())
    apart = ours - others
    word = "as much" if abs(apart) < NOTABLE else "more" if apart > 0 else "less"
    worst = min(theirs, key=lambda name: mine[name] - theirs[name])
    least = ""
    if word == "less":
        name = worst.removeprefix(AUROC).replace("_", " ")
        least = f", most of all {name}: {mine[worst]:.3f} against {theirs[worst]:.3f}"
    return (
        f"; it knows {word} of its limits: mean AUROC {ours:.3f} against {others:.3f} on "
        f"{len(theirs)} foreign sets{least}"
    )
