"""A table names the pictures: each mistake in it is reported with its line."""

import json
from pathlib import Path

import pytest

from pipeline.data import entries
from pipeline.data.folder import scan
from pipeline.data.listing import FolderError, Picture

PLAIN = "path,label\n" + "".join(f"{n}.png,{'ab'[n % 2]}\n" for n in range(8))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Eight pictures."""
    for number in range(8):
        (tmp_path / f"{number}.png").touch()
    return tmp_path


def refusal(root: Path, content: str, name: str = "manifest.csv") -> str:
    (root / name).write_text(content)
    with pytest.raises(FolderError) as caught:
        scan(root)
    return str(caught.value)


def test_path_and_label_are_enough(root: Path) -> None:
    """Classes are the labels, sorted; pictures that it does not name are left out and counted."""
    (root / "manifest.csv").write_text(PLAIN)
    (root / "spare").mkdir()
    (root / "spare/9.jpg").touch()
    (root / "notes.txt").touch()
    listing = scan(root)
    assert (listing.classes, listing.given) == (("a", "b"), ())
    assert listing.pictures == [
        Picture(f"{n}.png", label) for label in (0, 1) for n in range(label, 8, 2)
    ]
    assert listing.left_out == {entries.UNLISTED: 1, entries.TEXT: 1}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_of_other_tools(delimiter: str, root: Path) -> None:
    """A byte order mark, other delimiters, quotes, blanks, columns that nobody asked for."""
    rows = [["Path ", "ID", "Label", "split", "group"]]
    words = ("train", "Train", "training", "VALID", "val", "test", "testing", "train")
    rows += [[f"./{n}.png", "7", f' "{n % 2}" ', words[n], f"street {n // 2}"] for n in range(8)]
    rows[4][4] = rows[3][4] = ""
    for number in (5, 6):
        rows[number + 1][4] = "the mall"
    content = "\n".join(delimiter.join(row) for row in rows)
    (root / "manifest.csv").write_text(content, encoding="utf-8-sig")
    listing = scan(root)
    assert listing.classes == ('"0"', '"1"')
    assert listing.given == ("train", "val", "test")
    assert listing.pictures[0] == Picture("0.png", 0, "train", "street 0")
    assert listing.pictures[-1] == Picture("5.png", 1, "test", "the mall")


def test_lines_of_json(root: Path) -> None:
    """Numbers are labels too; a wrapped folder's paths count from the table."""
    (root / "set").mkdir()
    for path in root.glob("*.png"):
        path.rename(root / "set" / path.name)
    lines = [json.dumps({"path": f"{n}.png", "label": n % 2, "group": None}) for n in range(8)]
    (root / "set/manifest.jsonl").write_text("\n\n".join(lines))
    listing = scan(root)
    assert listing.classes == ("0", "1")
    assert listing.pictures[0] == Picture("set/0.png", 0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "'path', 'label' is missing among nothing"),
        ("path,class\n", "'label' is missing among 'path', 'class'"),
        ("path,label\n", "names no pictures"),
        (PLAIN + "0.png\n", "line 10: 2 values are expected"),
        (PLAIN + "0.png,a,b\n", "line 10: 2 values are expected"),
        (PLAIN + ",a\n", "line 10: the path is empty"),
        (PLAIN + "0.png,\n", "line 10: the label is empty"),
        (PLAIN + "0.png,a\n", "names pictures twice:\n  0.png"),
        (PLAIN + "none.png,a\n", "names files that are not there:\n  line 10: none.png"),
        (PLAIN + "../0.png,a\n", "line 10: '../0.png' leaves the folder"),
        (PLAIN + "/0.png,a\n", "line 10: '/0.png' leaves the folder"),
        ("path,label\n0.png,a\n1.png,a\n", "knows 1 label(s)"),
        ("path,label\n0.png,a\n1.png,b\n", "too few pictures in 'a' (1), 'b' (1): at least 3"),
        ("path,label,split\n0.png,a,dev\n", "line 2: the split is 'dev': train, val and test"),
        ("path,label,split\n0.png,a,train\n1.png,b,\n", "line 3 names no split, and others do"),
        ("path,label,split\n0.png,a,val\n1.png,b,test\n", "train is missing"),
    ],
)
def test_mistakes_are_told(content: str, expected: str, root: Path) -> None:
    """What was given, and where."""
    assert expected in refusal(root, content)


def test_a_group_in_two_splits_is_told(root: Path) -> None:
    """It was named to keep together."""
    rows = [f"{n}.png,{'ab'[n % 2]},{'train' if n < 6 else 'test'},g{n % 6}" for n in range(8)]
    content = "path,label,split,group\n" + "\n".join(rows)
    assert "the group 'g0' stands in train and in test" in refusal(root, content)


def test_two_tables_and_other_bytes(root: Path) -> None:
    """Both names, and text that is not UTF-8."""
    (root / "manifest.csv").write_bytes("path,label\n0.png,\xe4\n".encode("latin-1"))
    with pytest.raises(FolderError, match="is not UTF-8"):
        scan(root)
    assert "holds manifest.csv and manifest.jsonl" in refusal(root, "", "manifest.jsonl")


@pytest.mark.parametrize("line", ["[]", '{"path": "0.png"}', "{", '{"path": {}, "label": 1}'])
def test_lines_that_are_no_objects(line: str, root: Path) -> None:
    """The line is named."""
    assert "manifest.jsonl, line 1: " in refusal(root, line, "manifest.jsonl")
