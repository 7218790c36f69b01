"""Promote the workspace's model: champion when it is better or the first, else challenger."""

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import msgspec
from filelock import FileLock

from pipeline import command, config
from pipeline.lifecycle import candidate as candidates
from pipeline.lifecycle import knowing
from pipeline.lifecycle.candidate import Candidate, Places
from pipeline.lifecycle.comparison import Comparison, Verdict, compare
from pipeline.lifecycle.errors import RefusedError
from pipeline.lifecycle.registry import CHALLENGER, CHAMPION, ROLLED_BACK, SHA256, Registry, Version
from pipeline.tracking import provenance
from pipeline.tracking import store as tracking
from pipeline.tracking.lookup import COMPLETE, INPUTS_CHANGED, TRAINING

TEST_SHA256, CLASSES = "data.test_sha256", "classes"
CARRIED = (
    "git.commit",
    "git.dirty",
    "git.params_diff",
    "checkpoint.sha256",
    "dvc.experiment",
    TRAINING,
)


class Move(Enum):
    """What becomes of a candidate."""

    NONE = "nothing to do"
    CHALLENGER = CHALLENGER
    CHAMPION = CHAMPION


@dataclass(frozen=True)
class Decision:
    move: Move
    reason: str


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--force", action="store_true", help="champion even if worse, undecided or rolled back"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, no more")
    chosen = parser.parse_args(argv)
    root = provenance.repository_root()
    tolerance = config.load(root / command.PARAMS).export.parity_tolerance
    found = candidates.read(Places(root), tolerance=tolerance)
    with FileLock(root / ".promotion.lock"):
        print(promote(found, tracking.answering(root), force=chosen.force, dry_run=chosen.dry_run))  # noqa: T201 - a command's answer


def promote(found: Candidate, store: tracking.Store, *, force: bool, dry_run: bool) -> str:
    """Decide and act; returns what was done. Raises RefusedError."""
    registry = Registry(store.client, store.uri)
    wanted = {SHA256: found.sha256, COMPLETE: "true"}
    own = store.find({**wanted, TRAINING: found.training}) if found.training else None
    run = own or store.find(wanted)
    if run is None:
        raise RefusedError(
            f"no complete run in {store.uri} made the model {found.sha256[:12]!r}: "
            "run `dvc repro -f -s evaluate`, which finds or opens one"
        )
    check_run(found, run.id, run.tags)
    known = registry.with_sha256(found.name, found.sha256)
    decision = decide(found, known, registry, force=force)
    about = f"{found.name} {found.sha256[:12]}: {decision.reason}"
    if dry_run or decision.move is Move.NONE:
        return f"{about}\n{'would be: ' if dry_run else ''}{decision.move.value}"
    tags = describe(found, run.id, run.tags)
    version = known or registry.add(found, run.id, tags, _text(found, tags, decision))
    if decision.move is Move.CHALLENGER:
        registry.challenge(version)
        return f"{about}\nversion {version.number} is the challenger; the champion stays"
    registry.clear_rollback(version)
    registry.make_champion(version)
    address = f"models:/{version.name}@{CHAMPION}"
    return f"{about}\nversion {version.number} is the champion; serve it: --model {address}"


def decide(found: Candidate, known: Version | None, registry: Registry, *, force: bool) -> Decision:
    """Raises RefusedError where the two cannot be compared, or the candidate is worse."""
    champion = registry.with_alias(found.name, CHAMPION)
    if champion is None:
        return Decision(Move.CHAMPION, "there is no champion yet")
    if champion.sha256 == found.sha256:
        return Decision(Move.NONE, f"it is the champion already, version {champion.number}")
    check_comparable(found, champion)
    comparison = _against(found, champion, registry)
    limits = knowing.told(found.metrics, champion.tags)
    if force:
        return Decision(Move.CHAMPION, f"forced; {comparison}{limits}")
    if known is not None and ROLLED_BACK in known.tags:
        raise RefusedError(
            f"{known} was champion and was rolled back: promote it again with --force "
            "(`make promote FORCE=1`), or another model"
        )
    if comparison.verdict is Verdict.WORSE:
        raise RefusedError(
            f"worse than the champion, {champion}: {comparison}. It is not registered; "
            "--force (`make promote FORCE=1`) makes it champion all the same"
        )
    move = Move.CHAMPION if comparison.verdict is Verdict.BETTER else Move.CHALLENGER
    return Decision(move, f"{comparison.verdict.value}: {comparison}{limits}")


def check_comparable(found: Candidate, champion: Version) -> None:
    """Never across data sets, not even by force: other test images say nothing."""
    for what, given, other in (
        ("test split's sha256", found.metadata.dataset.test_sha256, champion.tags[TEST_SHA256]),
        ("classes", _classes(found), champion.tags[CLASSES]),
    ):
        if given != other:
            raise RefusedError(
                f"the {what} is {given!r}, and that of the champion, {champion}, is {other!r}: "
                "models of different test data are not compared. Go back to the champion's data, "
                "or give this model a name of its own (export.model_name)"
            )


def check_run(found: Candidate, run_id: str, tags: Mapping[str, str]) -> None:
    """The run says of parameters and data what the file says, and nothing was edited meanwhile."""
    if INPUTS_CHANGED in tags:
        raise RefusedError(
            f"inputs changed while the run {run_id} was under way ({tags[INPUTS_CHANGED]}): undo "
            "the edit and run `convnet repro`, which adopts it"
        )
    metadata = found.metadata
    said = {"params.sha256": metadata.params_sha256, "data.sha256": metadata.dataset.sha256}
    for key, value in said.items():
        if tags.get(key, value) != value:
            raise RefusedError(
                f"the run {run_id} says {key} {tags[key]!r}, and the model's file {value!r}: "
                "`dvc repro -f -s train`, then `dvc repro`"
            )


def describe(found: Candidate, run_id: str, run_tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that lead from the version to code, data, parameters and run, and back."""
    dataset = found.metadata.dataset
    return {
        SHA256: found.sha256,
        TEST_SHA256: dataset.test_sha256,
        CLASSES: _classes(found),
        "data.sha256": dataset.sha256,
        "data.name": dataset.name,
        "params.sha256": found.metadata.params_sha256,
        "net": found.metadata.net,
        "run_id": run_id,
        **{key: run_tags[key] for key in CARRIED if key in run_tags},
        **found.hashes,
        **{f"metrics.{name}": f"{value:.8g}" for name, value in found.metrics.items()},
        **{f"variant.{name}": text for name, text in found.of_variants.items()},
    }


def _against(found: Candidate, champion: Version, registry: Registry) -> Comparison:
    name = Path(Places(Path()).predictions).name
    with tempfile.TemporaryDirectory() as folder:
        right = candidates.read_right(registry.fetch(champion, name, Path(folder)))
    if right.shape != found.right.shape:
        raise RefusedError(
            f"{champion} has {right.size!r} predictions, and this model {found.right.size!r}, of "
            "one test split: run `dvc repro -f -s evaluate`"
        )
    return compare(found.right, right)


def _classes(found: Candidate) -> str:
    return msgspec.json.encode(found.metadata.classes).decode()


def _text(found: Candidate, tags: Mapping[str, str], decision: Decision) -> str:
    return (
        f"{found.right.mean():.2%} test accuracy: {found.metadata.net} on "
        f"{found.metadata.dataset.name}, {found.metadata.parameters:,} parameters. "
        f"{''.join(f'Variant {n}: {t}. ' for n, t in found.of_variants.items())}"
        f"Commit {tags.get('git.commit', 'unknown')[:12]}, run {tags['run_id']}. "
        f"When registered: {decision.reason}."
    )


if __name__ == "__main__":
    command.run(main)
