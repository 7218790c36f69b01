"""The MLflow Model Registry: versions by the sha256 of their bytes, and who is champion."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mlflow.artifacts
import mlflow.onnx
import msgspec
import numpy as np
import onnx
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException, RestException
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from contract import sidecars
from contract.files import sha256_of_file
from pipeline.lifecycle.candidate import Candidate
from pipeline.lifecycle.errors import RefusedError
from pipeline.tracking import onnx_model

CHAMPION, CHALLENGER = "champion", "challenger"
SHA256 = "onnx.sha256"
ROLLED_BACK = "rolled_back"
CHAMPIONS = "champions"  # tag of the registered model: a JSON list of versions, present one last
CHAMPIONS_KEPT = 100


@dataclass(frozen=True)
class Version:
    """One registered version of a model."""

    name: str
    number: str
    run_id: str
    tags: Mapping[str, str]

    @property
    def sha256(self) -> str:
        return self.tags.get(SHA256, "")

    @property
    def address(self) -> str:
        return f"models:/{self.name}/{self.number}"

    def __str__(self) -> str:
        return f"{self.name} version {self.number} ({self.sha256[:12]})"


@dataclass(frozen=True)
class Registry:
    client: MlflowClient
    uri: str

    def with_alias(self, name: str, alias: str) -> Version | None:
        try:
            return _version(self.client.get_model_version_by_alias(name, alias))
        except (MlflowException, RestException):
            return None

    def with_sha256(self, name: str, sha256: str) -> Version | None:
        """The version of exactly these bytes."""
        found = self.versions(name)
        return next((version for version in found if version.sha256 == sha256), None)

    def versions(self, name: str | None = None) -> list[Version]:
        wanted = f"name = '{name}'" if name else None
        return [_version(one) for one in self.client.search_model_versions(wanted)]

    def names_with_champion(self) -> list[str]:
        models = self.client.search_registered_models()
        return sorted(model.name for model in models if CHAMPION in model.aliases)

    def aliases(self, version: Version) -> list[str]:
        found = self.client.get_model_version(version.name, version.number)
        return sorted(found.aliases)

    def add(self, candidate: Candidate, run_id: str, tags: Mapping[str, str], text: str) -> Version:
        """Register the very bytes that were evaluated, with their sidecars."""
        self._ensure_model(candidate)
        run = self.client.get_run(run_id)
        with onnx_model.meant(self.uri), tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) / "model"
            _save(candidate, folder)
            logged = self._logged(run, candidate, tags)
            self.client.log_model_artifacts(logged.model_id, str(folder))
        self.client.finalize_logged_model(logged.model_id, "READY")
        made = self.client.create_model_version(
            candidate.name,
            logged.artifact_location,
            run_id,
            tags=dict(tags),
            description=text,
            model_id=logged.model_id,
        )
        registered = {"name": made.name, "version": made.version}  # the model's page shows it
        text = msgspec.json.encode([registered]).decode()
        self.client.set_logged_model_tags(logged.model_id, {MLFLOW_MODEL_VERSIONS: text})
        return _version(made)

    def _logged(self, run: Run, candidate: Candidate, tags: Mapping[str, str]) -> LoggedModel:
        """The run's model of these bytes, which export logged; else a new one."""
        found = onnx_model.logged(self.client, run, candidate.sha256)
        if found is None:
            return self.client.create_logged_model(
                run.info.experiment_id,
                candidate.name,
                source_run_id=run.info.run_id,
                tags=dict(tags),
                params={k: str(v) for k, v in candidate.metadata.hyperparameters.items()},
            )
        self.client.set_logged_model_tags(found.model_id, dict(tags))
        return found

    def make_champion(self, version: Version) -> None:
        """Make it the champion, and remember who was before."""
        champions = self._champions(version.name)
        if not champions or champions[-1] != version.number:
            champions.append(version.number)
        self._move(version, champions)
        if self.with_alias(version.name, CHALLENGER) == version:
            self.client.delete_registered_model_alias(version.name, CHALLENGER)

    def challenge(self, version: Version) -> None:
        self.client.set_registered_model_alias(version.name, CHALLENGER, version.number)

    def roll_back(self, name: str) -> tuple[Version, Version]:
        """The champion before this one is champion again; returns (from, to)."""
        present = self.with_alias(name, CHAMPION)
        if present is None:
            raise RefusedError(f"{name!r} has no champion: `make promote` makes the first")
        alive = {version.number: version for version in self.versions(name)}
        champions = self._champions(name)
        while champions and (champions[-1] == present.number or champions[-1] not in alive):
            champions.pop()
        if not champions:
            raise RefusedError(
                f"{present} is the first champion of {name!r}: there is none before it to go "
                "back to; promote another model with `make promote`"
            )
        before = alive[champions[-1]]
        self._move(before, champions)
        self.client.set_model_version_tag(name, present.number, ROLLED_BACK, "true")
        return present, before

    def clear_rollback(self, version: Version) -> None:
        """Forget that it was rolled back."""
        if ROLLED_BACK in version.tags:
            self.client.delete_model_version_tag(version.name, version.number, ROLLED_BACK)

    def fetch(self, version: Version, file: str, folder: Path) -> Path:
        """Download one of the version's files."""
        with onnx_model.meant(self.uri):  # it resolves the address by the process' own store
            return Path(
                mlflow.artifacts.download_artifacts(
                    artifact_uri=f"{version.address}/{file}",
                    dst_path=str(folder),
                    tracking_uri=self.uri,
                    registry_uri=self.uri,
                )
            )

    def _champions(self, name: str) -> list[str]:
        """Who was champion; an alias moved by hand counts."""
        tags = self.client.get_registered_model(name).tags
        champions = msgspec.json.decode(tags.get(CHAMPIONS, "[]"), type=list[str])
        present = self.with_alias(name, CHAMPION)
        if present is not None and champions[-1:] != [present.number]:
            champions.append(present.number)
        return champions

    def _move(self, version: Version, champions: list[str]) -> None:
        text = msgspec.json.encode(champions[-CHAMPIONS_KEPT:]).decode()
        self.client.set_registered_model_alias(version.name, CHAMPION, version.number)
        self.client.set_registered_model_tag(version.name, CHAMPIONS, text)

    def _ensure_model(self, candidate: Candidate) -> None:
        dataset = candidate.metadata.dataset
        try:
            self.client.get_registered_model(candidate.name)
        except MlflowException:
            self.client.create_registered_model(
                candidate.name,
                tags={"dataset": dataset.name, "data.test_sha256": dataset.test_sha256},
                description=f"Image classifiers of {dataset.name}; `champion` is what is served.",
            )


def _version(found: ModelVersion) -> Version:
    return Version(found.name, str(found.version), str(found.run_id), dict(found.tags))


def _save(candidate: Candidate, folder: Path) -> None:
    """An MLflow model folder that holds the file's own bytes: mlflow.onnx would write it anew."""
    shape, classes = candidate.metadata.image_shape, len(candidate.metadata.classes)
    model = onnx.load(candidate.onnx)
    mlflow.onnx.save_model(
        model,
        folder,
        signature=onnx_model.signature(model, shape, classes),
        input_example={"images": np.zeros((1, *shape), np.uint8)},
        save_as_external_data=False,
        pip_requirements=["onnxruntime", "numpy"],
    )
    for file in (candidate.onnx, *candidate.sidecars):
        (folder / file.name).write_bytes(file.read_bytes())
    for file in candidate.variants:
        copy = sidecars.variant_path(folder / "model.onnx", file.stem)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(file.read_bytes())
    if sha256_of_file(folder / "model.onnx") != candidate.sha256:
        raise RefusedError(f"{candidate.onnx} changed while it was registered: try again")
