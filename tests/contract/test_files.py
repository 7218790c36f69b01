"""Files are whole or absent, and equal content gives equal bytes."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from contract import files

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize(("umask", "rights"), [(0o077, 0o600), (0o002, 0o664), (0o022, 0o644)])
def test_rights_are_those_of_any_new_file(umask: int, rights: int, tmp_path: Path) -> None:
    """A team's umask lets the group write, a careful person's nobody else read: as open() does."""
    write = "import sys, pathlib as p, contract.files as f; f.write_bytes(p.Path(sys.argv[1]), b'')"
    for _ in ("new", "replaced"):
        command = [sys.executable, "-c", write, str(tmp_path / "x")]
        subprocess.run(command, check=True, umask=umask, cwd=ROOT)
        assert (tmp_path / "x").stat().st_mode & 0o777 == rights
