"""Every end of the thread leads to the whole: version, registry, commit, run, hashes."""

import pytest

from pipeline.lifecycle import lineage, promotion
from pipeline.lifecycle.errors import RefusedError
from pipeline.lifecycle.registry import Registry
from pipeline.tracking.store import Store
from tests.pipeline.workspace import Workspace


@pytest.fixture
def workspace(store: Store) -> Workspace:
    return Workspace(store.root, store)


def shown(what: str, capsys: pytest.CaptureFixture[str]) -> str:
    lineage.main([what])
    return capsys.readouterr().out


def test_any_end_leads_to_the_whole(
    workspace: Workspace, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forward from the version of a reply, and back from registry, run, commit and hashes."""
    sha256 = workspace.make(range(20))
    promotion.main([])
    capsys.readouterr()
    version = Registry(store.client, store.uri).versions()[0]
    text = shown(sha256[:12], capsys)
    for known in (sha256, version.run_id, version.tags["git.commit"], "@champion", "0.98"):
        assert known in text
    for end in (
        "mnist-classifier/1",
        "models:/mnist-classifier@champion",
        version.run_id,
        version.tags["git.commit"][:10],
        version.tags["checkpoint.sha256"][:12],
        version.tags["dvc.lock_sha256"][:12],
        version.tags["dvc.onnx_md5"],
    ):
        assert shown(end, capsys) == text, end


def test_model_that_was_never_registered_is_found(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server may serve a file: its run knows it."""
    sha256 = workspace.make(range(20))
    text = shown(sha256[:12], capsys)
    assert "not registered" in text
    assert sha256 in text


def test_several_models_of_one_commit_are_all_shown(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """A commit may have made more than one model."""
    both = {workspace.make(range(20)), workspace.make(range(30))}
    head = workspace.store.client.search_runs(["1"])[0].data.tags["git.commit"]
    text = shown(head, capsys)
    assert all(sha256 in text for sha256 in both)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("abc", "neither a hash nor a registry address"),
        ("' OR 1", "neither a hash nor a registry address"),
        ("0123456789ab", "nothing in sqlite"),
        ("mnist-classifier/7", "nothing in sqlite"),
        ("mnist-classifier@nobody", "nothing in sqlite"),
    ],
)
def test_unknown_ends_are_said_to_be_so(workspace: Workspace, what: str, reason: str) -> None:
    """What was given, what is allowed, where was looked."""
    assert workspace.root
    with pytest.raises(RefusedError, match=reason):
        lineage.main([what])
