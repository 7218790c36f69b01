"""A run says who made it and from what; where that is not known, it says so."""

from pathlib import Path

import pytest

from pipeline.tracking import provenance
from tests.pipeline.conftest import git

PARAMS = Path("params.yaml")


def test_source_tags_name_the_changed_parameter(repository: Path) -> None:
    """A changed number is dirty and spelled out; what DVC rewrites is not dirty."""
    assert provenance.source_tags(PARAMS)["git.dirty"] == "false"
    (repository / "dvc.lock").write_text("rewritten by dvc\n")
    assert provenance.source_tags(PARAMS)["git.dirty"] == "false"
    params = repository / "params.yaml"
    params.write_text(params.read_text().replace("  stride: 1", "  stride: 2"))
    tags = provenance.source_tags(PARAMS)
    assert (tags["git.dirty"], tags["git.params_diff"]) == ("true", "model.stride: 1 -> 2")


def test_untracked_code_is_dirty(repository: Path) -> None:
    """A module that is not in the commit may have changed the result; a scratch file has not."""
    (repository / "scratch.py").write_text("")
    (repository / "notes.txt").write_text("")
    assert provenance.source_tags(PARAMS)["git.dirty"] == "false"
    (repository / "pipeline").mkdir()
    (repository / "pipeline/patch.py").write_text("")
    assert provenance.source_tags(PARAMS)["git.dirty"] == "true"


def test_tracked_file_that_is_modified_is_dirty(repository: Path) -> None:
    """Whatever it is, but for what DVC rewrites."""
    (repository / "notes.txt").write_text("")
    git(repository, "add", "notes.txt")
    git(repository, "commit", "--quiet", "--message", "Notes")
    assert provenance.source_tags(PARAMS)["git.dirty"] == "false"
    (repository / "notes.txt").write_text("more")
    assert provenance.source_tags(PARAMS)["git.dirty"] == "true"


def test_source_tags_name_user_and_branch(repository: Path) -> None:
    """MLflow's page says who and from which branch; a detached head has none."""
    git(repository, "switch", "--quiet", "--create", "wider")
    tags = provenance.source_tags(PARAMS)
    assert tags["mlflow.user"] == provenance.user() != ""
    assert tags["mlflow.source.git.branch"] == "wider"
    git(repository, "switch", "--quiet", "--detach")
    assert "mlflow.source.git.branch" not in provenance.source_tags(PARAMS)


def test_refusal_of_git_is_said_and_nothing_is_claimed(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder of another user: unknown, not clean, not dirty, and no parameter has changed."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    tags = provenance.source_tags(PARAMS)
    assert tags["git.dirty"] == "unknown"
    assert not {"git.commit", "git.params_diff"} & set(tags)
    assert f"safe.directory {repository}" in capsys.readouterr().err


def test_outside_of_git_nothing_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    """No commit, and no parameter that differs from none."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = tmp_path / "unpacked"
    folder.mkdir()
    (folder / PARAMS).write_text((repository / PARAMS).read_text())
    monkeypatch.chdir(folder)
    assert not [key for key in provenance.source_tags(PARAMS) if key.startswith("git.")]


def test_root_is_the_project_also_in_a_larger_repository(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that DVC was initialised in, from wherever below; only its files count."""
    project = repository / "models/digits"
    (project / ".dvc").mkdir(parents=True)
    (project / ".dvc/config").write_text("")
    (project / "params.yaml").write_text((repository / "params.yaml").read_text())
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "A project")
    for folder in (project, project / ".dvc"):
        monkeypatch.chdir(folder)
        assert provenance.repository_root() == project
    monkeypatch.chdir(project)
    (repository / "params.yaml").write_text("train: {epochs: 1}\n")
    (project / "dvc.lock").write_text("rewritten by dvc\n")
    assert provenance.source_tags(PARAMS)["git.dirty"] == "false"
