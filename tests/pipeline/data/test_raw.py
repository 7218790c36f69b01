"""data/raw is read only as fetch left it."""

from pathlib import Path

import pytest

from pipeline.data import obtain, raw
from pipeline.data.raw import RawError


def test_a_changed_raw_file_is_refused(tmp_path: Path) -> None:
    """DVC checks out a corrupted cache object without a word; loading notices."""
    obtain.obtain(tmp_path, "digits", (), fallback=None)
    file = tmp_path / "digits/digits.csv.gz"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(RawError, match=r"csv\.gz is damaged: sha256 .* run `make refetch`"):
        raw.load(tmp_path, "digits")
    file.unlink()
    with pytest.raises(RawError, match="nothing is there"):
        raw.load(tmp_path, "digits")
    (tmp_path / "source.json").write_text("{")
    with pytest.raises(RawError, match=r"source\.json is damaged"):
        raw.load(tmp_path, "digits")


def test_a_folder_of_another_set_is_refused(tmp_path: Path) -> None:
    """Preparing what was not asked for would train on the wrong data."""
    obtain.obtain(tmp_path, "digits", (), fallback=None)
    with pytest.raises(RawError, match=r"fetched for 'digits', and data\.dataset is 'mnist'"):
        raw.load(tmp_path, "mnist")
    with pytest.raises(RawError, match="dvc repro fetch"):
        raw.load(tmp_path / "none", "mnist")
