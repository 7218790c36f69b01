"""What the audit found reaches the report and the tracker; published sets have none."""

import json
from pathlib import Path

import msgspec
import pytest

from pipeline.data import audit, doubles_sheet
from pipeline.data.arrays import PreparedError
from pipeline.report import findings
from tests.pipeline.data.folder_of_pictures import made, make_folder


def test_a_set_without_an_audit(tmp_path: Path) -> None:
    """Nothing is written about it."""
    found = findings.read(tmp_path)
    assert (found.html(), found.metrics()) == ("", {})


def test_findings_reach_the_page_and_the_tracker(tmp_path: Path) -> None:
    """Counts, the collision's names escaped, a picture of the doubles."""
    root = tmp_path / "images"
    make_folder(root, "a<b", "A<b")
    (root / "A<b/copy.png").write_bytes((root / "a<b/0.png").read_bytes())
    (root / "A<b/notes.txt").touch()
    whole = made(tmp_path)
    plots = tmp_path / "plots"
    plots.mkdir()
    (plots / audit.AUDIT_JSON).write_text(json.dumps(msgspec.to_builtins(whole.audit)))
    picture = doubles_sheet.sheet(whole.audit, dict(whole.prepared.splits()))
    assert picture is not None
    (plots / doubles_sheet.DOUBLES_PNG).write_bytes(picture)
    found = findings.read(plots)
    page = found.html()
    for text in (
        "1 (0 across splits, 1 across classes)",
        "&#x27;A&lt;b&#x27; = &#x27;a&lt;b&#x27;",
        "other files: text, tables or XML",
        "21 PNG",
        "data:image/png;base64,",
    ):
        assert text in page
    assert found.metrics()["equal_sets"] == 1
    assert found.metrics()["left_out"] == 1


def test_a_damaged_audit_is_refused(tmp_path: Path) -> None:
    """Which file, and what makes it again."""
    (tmp_path / audit.AUDIT_JSON).write_text("{}")
    with pytest.raises(PreparedError, match=r"audit\.json is damaged.*-s prepare"):
        findings.read(tmp_path)
