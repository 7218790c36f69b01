"""The stand-in is announced for as long as the workspace holds it."""

from pathlib import Path

import pytest

from contract.files import write_json
from pipeline.data import notice, obtain


def said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    notice.main(["--raw", str(tmp_path / "raw"), "--prepared", str(tmp_path / "prepared")])
    return capsys.readouterr().err


def test_published_data_and_empty_workspaces_are_quiet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No news is good news."""
    assert said(tmp_path, capsys) == ""
    obtain.obtain(tmp_path / "raw", "digits", (), fallback="digits")
    assert said(tmp_path, capsys) == ""


@pytest.mark.parametrize("place", ["raw/source.json", "prepared/dataset.json"])
def test_a_fallback_is_told_of(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Either folder suffices; the way back is named."""
    content = {"name": "digits", "requested": "emnist_letters", "source": "fallback", "more": 1}
    write_json(tmp_path / place, content)
    printed = said(tmp_path, capsys)
    assert "THIS IS NOT EMNIST_LETTERS" in printed
    assert "make refetch" in printed
