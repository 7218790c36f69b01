"""Files are whole or absent, and equal content gives equal bytes."""

import hashlib
from pathlib import Path

import pytest

from contract import files


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """An error in the middle keeps what was there, and leaves no temporary file."""
    target = tmp_path / "a.json"
    files.write_json(target, {"old": 1})
    with pytest.raises(ZeroDivisionError), files.atomic_write(target) as file:
        file.write(bytes([1, 1 // 0]))
    assert target.read_text() == '{\n  "old": 1\n}\n'
    assert list(tmp_path.iterdir()) == [target]


def test_json_has_sorted_keys_and_no_nan(tmp_path: Path) -> None:
    """The order of insertion does not reach the bytes; NaN is refused, not written."""
    one, two = tmp_path / "1", tmp_path / "2"
    files.write_json(one, {"b": 1, "a": [2]})
    files.write_json(two, {"a": [2], "b": 1})
    assert one.read_bytes() == two.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(one, float("nan"))


def test_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    """Chunked reading gives what hashlib gives at once."""
    content = bytes(range(256)) * 5000
    files.write_bytes(tmp_path / "x", content)
    assert files.sha256_of_file(tmp_path / "x") == hashlib.sha256(content).hexdigest()
