"""From a model version that a reply carried to commit, data, run and registry; and back.

Whatever is known will do: the version (12 hex digits, the start of the ONNX file's sha256), a
registry address, a git commit, an MLflow run or a hash of data, parameters or checkpoint.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline import command
from pipeline.lifecycle.errors import RefusedError
from pipeline.lifecycle.registry import SHA256, Registry, Version
from pipeline.tracking import provenance
from pipeline.tracking import store as tracking
from pipeline.tracking.lookup import TRAINING
from pipeline.tracking.run import TrackedRun
from pipeline.tracking.store import Store

HASHES = (SHA256, TRAINING, "git.commit", "checkpoint.sha256", "data.sha256", "params.sha256")
HEX = re.compile(r"[0-9a-f]{6,64}")
SHOWN = 10


@dataclass(frozen=True)
class Origin:
    """A model by the sha256 of its ONNX file, with all that is known of it."""

    sha256: str
    run: TrackedRun | None
    versions: tuple[Version, ...]

    @property
    def tags(self) -> dict[str, str]:
        registered = self.versions[-1].tags if self.versions else {}
        return {**registered, **(self.run.tags if self.run else {})}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", help="0123456789ab, mnist-classifier/3, mnist-classifier@champion")
    what = parser.parse_args(argv).what
    store = tracking.answering(provenance.repository_root())
    registry = Registry(store.client, store.uri)
    found = origins(what, store, registry)
    print("\n\n".join(text(origin, registry) for origin in found[:SHOWN]))  # noqa: T201 - a command's answer
    if len(found) > SHOWN:
        print(f"\n… and {len(found) - SHOWN} older")  # noqa: T201 - a command's answer


def origins(what: str, store: Store, registry: Registry) -> list[Origin]:
    """Newest first; raises RefusedError where nothing is known of it."""
    address = what.removeprefix("models:/")
    if HEX.fullmatch(what):
        found = list(dict.fromkeys(_with_hash(what, store, registry)))
    elif re.fullmatch(r"[^/@]+[/@][^/@]+", address):
        found = [version.sha256 for version in [_registered(address, registry)] if version]
    else:
        raise RefusedError(
            f"{what!r} is neither a hash nor a registry address: give 6 to 64 of 0-9a-f "
            "(`make lineage SHA=0123456789ab`), NAME/VERSION or NAME@ALIAS"
        )
    if not found:
        raise RefusedError(
            f"nothing in {store.uri} and its registry is known of {what!r}: is it the store that "
            "the model was tracked in (MLFLOW_TRACKING_URI)?"
        )
    return [_origin(sha256, store, registry) for sha256 in found]


def _with_hash(prefix: str, store: Store, registry: Registry) -> Iterator[str]:
    """Sha256 of the models that have anything starting so: their own first."""
    experiments = [one.experiment_id for one in store.client.search_experiments()]
    wanted = [f"tags.`{key}` LIKE '{prefix}%'" for key in HASHES]
    wanted.append(f"attributes.run_id = '{prefix}'")
    for condition in wanted:
        for run in store.client.search_runs(experiments, condition):
            if SHA256 in run.data.tags:
                yield run.data.tags[SHA256]
    for version in registry.versions():
        values = [value for key, value in version.tags.items() if key.startswith(("dvc.", SHA256))]
        if any(value.startswith(prefix) for value in values):
            yield version.sha256


def _registered(address: str, registry: Registry) -> Version | None:
    name, sign, rest = re.split(r"([/@])", address)
    if sign == "@":
        return registry.with_alias(name, rest)
    return next((one for one in registry.versions(name) if one.number == rest), None)


def _origin(sha256: str, store: Store, registry: Registry) -> Origin:
    versions = tuple(one for one in registry.versions() if one.sha256 == sha256)
    return Origin(sha256, store.find({SHA256: sha256}), versions)


def text(origin: Origin, registry: Registry) -> str:
    tags = origin.tags
    rows = {
        "model": f"{origin.sha256[:12]}  sha256 {origin.sha256}",
        "registry": "; ".join(_place(one, registry) for one in origin.versions) or "not registered",
        "run": _run(origin.run),
        "commit": _commit(tags),
        "changed": tags.get("git.params_diff", "").replace("\n", "; "),
        "data": f"{tags.get('data.name', '')}  {_hashes(tags, 'data', 'data.test')}",
        "recipe": _hashes(tags, "params", "checkpoint"),
        "dvc": "  ".join(f"{k} {v}" for k, v in sorted(tags.items()) if k.startswith("dvc.")),
        "accuracy": tags.get("metrics.test.accuracy", ""),
    }
    return "\n".join(f"{key:<11}{value}" for key, value in rows.items() if value)


def _place(version: Version, registry: Registry) -> str:
    aliases = ", ".join(f"@{alias}" for alias in registry.aliases(version))
    return f"{version.address} {aliases}".rstrip()


def _run(run: TrackedRun | None) -> str:
    if run is None:
        return "deleted, or in another store"
    return f"{run.id}  {run.name!r} of {run.experiment!r}, {run.record.info.status}"


def _commit(tags: dict[str, str]) -> str:
    state = "with uncommitted changes" if tags.get("git.dirty") == "true" else "clean"
    return f"{tags['git.commit']}  {state}" if "git.commit" in tags else "outside of git"


def _hashes(tags: dict[str, str], *names: str) -> str:
    """`data sha256 0123…`, in full: what is printed can be searched for."""
    keys = {name: f"{name}{'_' if '.' in name else '.'}sha256" for name in names}
    return "  ".join(f"{name} sha256 {tags[key]}" for name, key in keys.items() if key in tags)


if __name__ == "__main__":
    command.run(main)
