"""What INPUT may be, in which order it comes, and what is refused in a line."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring import inputs, listing, tables
from scoring.errors import ScoringRefused
from scoring.inputs import Item
from tests.scoring.jobs import picture, score, scored


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures in two folders, a note, a hidden file."""
    for name in ("b/2.png", "a/1.png", "a/deep/3.jpg", "a/.hidden.png", "note.txt", "[x].png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(len(name)))
    return tmp_path / "in"


def found(given: object, *, column: str | None = None, labels: str | None = None) -> list[Item]:
    return list(inputs.opened(str(given), column=column, labels=labels, most=100).items)


def names(items: list[Item], folder: Path) -> list[str]:
    return [item.path.removeprefix(f"{folder}/") for item in items]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", ["[x].png", "a/1.png", "a/deep/3.jpg", "b/2.png", "note.txt"]),
        ("*/*.png", ["a/1.png", "b/2.png"]),
        ("**/*.png", ["[x].png", "a/1.png", "b/2.png"]),
        ("a/**", ["a/1.png", "a/deep/3.jpg"]),
        ("[!b]/?.png", ["a/1.png"]),
        ("**/[0-9].jpg", ["a/deep/3.jpg"]),
        ("[x].png", ["[x].png"]),
        ("b/2.png", ["b/2.png"]),
    ],
)
def test_a_folder_a_pattern_or_a_file(pattern: str, expected: list[str], folder: Path) -> None:
    """In the order of names; a file of the very name is no pattern."""
    assert names(found(folder / pattern), folder) == expected


def test_a_relative_pattern(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths stay as they were given."""
    monkeypatch.chdir(folder)
    assert [item.path for item in found("*/*.png")] == ["a/1.png", "b/2.png"]
    assert [item.path for item in found("a/*.png")] == ["a/1.png"]


def test_a_list_keeps_its_order(folder: Path) -> None:
    """One a line, whatever is there; a stamp says whether it changed."""
    lines = [f"{folder}/b/2.png", "s3://bucket/a key?.png", f"{folder}/gone.png", "https://h/x"]
    (folder / "list.txt").write_text("\r\n".join(["", *lines, ""]))
    items = found(folder / "list.txt")
    assert [item.path for item in items] == lines
    assert [item.stamp for item in items[1:]] == ["", "absent", ""]
    assert items[0].stamp.startswith(f"{(folder / 'b/2.png').stat().st_size} ")


def test_a_column_of_addresses(folder: Path) -> None:
    """With their labels, over all files of a folder; a row without an address keeps its place."""
    tables_ = folder / "tables"
    tables_.mkdir()
    first = pa.table({"p": ["x.png", None], "y": [3, None]})
    pq.write_table(first, tables_ / "0.parquet")
    pq.write_table(pa.table({"p": ["y.png"], "y": [1]}), tables_ / "1.parquet")
    items = found(tables_, column="p", labels="y")
    assert [(item.path, item.label) for item in items] == [
        *(("x.png", "3"), ("", None), ("y.png", "1")),
    ]


@pytest.mark.parametrize("struct", [False, True], ids=["binary", "struct"])
@pytest.mark.parametrize("group", [7, 100, 1000])
def test_rows_of_a_column_of_files(group: int, struct: bool, tmp_path: Path) -> None:  # noqa: FBT001 -- a case
    """Runs cover each row once, however the row groups lie; each gives its own rows."""
    files = [None if at % 50 == 3 else bytes([at % 256] * 9) for at in range(431)]
    column = [{"bytes": one, "path": "x"} for one in files] if struct else files
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"image": column, "y": list(range(431))}), path, row_group_size=group)
    source = inputs.opened(str(path), column="image", labels="y", most=60)
    assert source.kind == "rows"
    items = list(source.items)
    assert [item.first for item in items] == [0, *_ends(items)[:-1]]
    assert _ends(items)[-1] == 431
    assert all(item.count <= 120 for item in items)
    read = [
        pair
        for item in items
        for batch in tables.rows(
            str(path), source.column, "y", first=item.first, count=item.count, at_once=16
        )
        for pair in batch
    ]
    assert read == [(one, str(at)) for at, one in enumerate(files)]


def _ends(items: list[Item]) -> list[int]:
    ends, end = [], 0
    for item in items:
        end += item.count
        ends.append(end)
    return ends


def test_a_file_more_moves_no_border_but_its_own() -> None:
    """Slices of the rest hold what they held."""
    items = [Item(f"{at:06}.png") for at in range(5000)]
    before = {tuple(one) for one in listing.slices(iter(items), 200)}
    assert all(100 <= len(one) <= 200 for one in list(before)[:-1] if one[-1] != items[-1])
    after = {
        tuple(one) for one in listing.slices(iter([*items[:1234], Item("x"), *items[1234:]]), 200)
    }
    assert len(after - before) <= 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["gone", "out"], "there is no 'gone'"),
        (["gone/*.png", "out"], "there is no folder 'gone'"),
        (["in/x*y", "out"], "holds no picture"),
        (["ftp://h/x", "out"], "ftp:// is not read here"),
        (["in", "in/out"], "lies in INPUT"),
        (["in", "in/a"], "lies in INPUT"),
        (["in", "taken"], "holds other things than a scoring's parts (mine.txt)"),
        (["in", "in/note.txt"], "is a file"),
        (["in", "out", "--labels", "y"], "--labels 'y' names a column"),
        (
            ["t.parquet", "out"],
            "say with --column which of its columns holds the pictures: n (int64)",
        ),
        (["t.parquet", "out", "--column", "x"], "--column 'x': 't.parquet' has the columns n"),
        (["t.parquet", "out", "--column", "n"], "must hold paths or URLs"),
        (["in", "out", "--column", "n"], "holds no .parquet file"),
        (["in", "out", "--model", "gone.onnx"], "cannot be read"),
        (["in", "out", "--model", "models:/x"], "give models:/NAME@ALIAS"),
        (["in", "out", "--model", "in/note.txt"], "is refused"),
    ],
)
def test_a_wrong_call_is_one_line(options: list[str], said: str, folder: Path, model: Path) -> None:
    """Nothing is scored, and nothing is made."""
    root = folder.parent
    (root / "taken").mkdir()
    (root / "taken" / "mine.txt").touch()
    pq.write_table(pa.table({"n": [1]}), root / "t.parquet")
    if "--model" not in options:
        options = [*options, "--model", str(model)]
    done = score(options[0], Path(options[1]), *options[2:], folder=root)
    assert done.status == 1
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert done.out == ""


def test_an_unknown_scheme_is_refused() -> None:
    """And those that are known are named."""
    with pytest.raises(ScoringRefused, match="give a path, s3://, gs://"):
        found("hdfs://x/y")


def test_a_table_of_paths_is_scored(folder: Path, model: Path) -> None:
    """Relative paths start where the job was started; a label column comes along as `truth`."""
    table = pa.table({"p": ["a/1.png", None, "b/2.png", "gone.png"], "y": ["1", "1", "x", "2"]})
    pq.write_table(table, folder / "t.parquet")
    options = ("--model", str(model), "--column", "p", "--labels", "y")
    output = folder.parent / "out"
    done = scored("t.parquet", output, *options, folder=folder)
    assert {path: row["truth"] for path, row in done.rows.items()} == {
        "a/1.png": "1",
        "": "1",
        "b/2.png": "x",
        "gone.png": "2",
    }
    assert done.rows[""]["error"] == "the row names no file"
    assert done.rows["a/1.png"]["error"] is None
    assert done.summary["labels"]["of_no_class"] == 1
