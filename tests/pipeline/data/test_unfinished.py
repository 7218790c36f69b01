"""A prepare that was killed goes on: what lies on the disk is trusted by its hash alone."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contract.reading.rules import current
from pipeline.data import pictures, unfinished
from pipeline.data.decoding import decode_all
from pipeline.data.listing import FolderError, Listing, Picture
from pipeline.data.plan import Plan
from pipeline.data.unfinished import PART, Unfinished

SHAPE = (3, 4, 4)
COUNTS = {"train": 2 * PART + 5, "val": 3, "test": PART}


@pytest.fixture
def listing(tmp_path: Path) -> Listing:
    """Enough pictures for five parts, each of its own colour."""
    root = tmp_path / "images"
    root.mkdir()
    count = sum(COUNTS.values())
    for number in range(count):
        Image.new("RGB", (4, 4), (number, 255 - number, 7)).save(root / f"{number:03}.png")
    return Listing(root, ("a",), [Picture(f"{number:03}.png", 0) for number in range(count)])


@pytest.fixture
def plan() -> Plan:
    bounds = np.cumsum([0, *COUNTS.values()])
    return {name: np.arange(bounds[at], bounds[at + 1]) for at, name in enumerate(COUNTS)}


def work_in(folder: Path, listing: Listing, plan: Plan) -> Unfinished:
    return Unfinished(folder, listing, plan, SHAPE)


def go_on(work: Unfinished, parts: int | None = None) -> tuple[int, list[str]]:
    """Decode at most so many parts; returns how many were there, and the names of new ones."""
    there = work.begin()
    decoded = decode_all(work.parts(there), current(), SHAPE, processes=0)
    names = []
    with work.journal() as journal:
        for done in islice(decoded, parts):
            unfinished.record(journal, done)
            names.append(done.name)
    return len(there), names


def test_only_what_is_missing_is_decoded(tmp_path: Path, listing: Listing, plan: Plan) -> None:
    """Two parts, then the other three, then none; the rows are those of the pictures."""
    work = work_in(tmp_path, listing, plan)
    assert go_on(work, 2) == (0, ["train:0", f"train:{PART}"])
    assert go_on(work) == (2, [f"train:{2 * PART}", "val:0", "test:0"])
    assert go_on(work) == (5, [])
    for name, file in work.files.items():
        file.keep_only(np.ones(COUNTS[name], bool))
        images = np.load(file.path)
        assert images[:, 0, 0, 0].tolist() == plan[name].tolist()


def test_facts_and_reasons_survive(tmp_path: Path, listing: Listing, plan: Plan) -> None:
    """What the audit needs is not asked of the files again."""
    (listing.root / "001.png").write_text("none")
    work = work_in(tmp_path, listing, plan)
    there = work.begin()
    first = next(decode_all(work.parts(there), current(), SHAPE, processes=0))
    with work.journal() as journal:
        unfinished.record(journal, first)
    again = work_in(tmp_path, listing, plan).begin()[first.name]
    assert np.array_equal(again.facts, first.facts)
    assert list(again.reasons) == [1]
    assert again.reasons == first.reasons


@pytest.mark.parametrize("harm", ["a byte", "the end", "the file", "the journal's last line"])
def test_what_is_damaged_is_decoded_again(
    harm: str, tmp_path: Path, listing: Listing, plan: Plan
) -> None:
    """A power cut may lose rows that the journal tells of, or half of its last line."""
    work = work_in(tmp_path, listing, plan)
    go_on(work)
    path = work.files["test"].path
    content = bytearray(path.read_bytes())
    match harm:
        case "a byte":
            content[-1] ^= 1
            path.write_bytes(content)
        case "the end":
            path.write_bytes(content[:-3])
        case "the file":
            path.unlink()
        case _:
            journal = tmp_path / unfinished.JOURNAL
            journal.write_bytes(journal.read_bytes()[:-9])
    assert go_on(work) == (4, ["test:0"])


def test_rows_that_were_moved_are_decoded_again(
    tmp_path: Path, listing: Listing, plan: Plan
) -> None:
    """A kill after the gaps were closed: the rows are no longer where the journal says."""
    work = work_in(tmp_path, listing, plan)
    go_on(work)
    keep = np.ones(COUNTS["train"], bool)
    keep[PART + 1] = False
    work.files["train"].keep_only(keep)
    assert go_on(work) == (3, [f"train:{PART}", f"train:{2 * PART}"])


def test_the_key_follows_files_and_rules(listing: Listing, plan: Plan) -> None:
    """A changed file, another size or fit is other work."""
    rules = current()
    key = unfinished.key_of(listing, plan, rules, SHAPE)
    assert unfinished.key_of(listing, plan, rules, SHAPE) == key
    others = {
        unfinished.key_of(listing, plan, current(fit="crop"), SHAPE),
        unfinished.key_of(listing, plan, rules, (1, 4, 4)),
        unfinished.key_of(listing, {**plan, "val": plan["val"][1:]}, rules, SHAPE),
    }
    Image.new("RGB", (5, 4)).save(listing.root / "000.png")
    assert len({key, unfinished.key_of(listing, plan, rules, SHAPE), *others}) == 5


def test_a_file_that_has_gone_is_named(listing: Listing, plan: Plan) -> None:
    """Between the listing and the work."""
    (listing.root / "003.png").unlink()
    with pytest.raises(FolderError, match=r"003\.png cannot be read: No such file"):
        unfinished.key_of(listing, plan, current(), SHAPE)


def test_other_keys_are_taken_away(tmp_path: Path) -> None:
    """Nobody goes on with them: they would fill the disk."""
    with pytest.raises(FileNotFoundError), unfinished.locked(tmp_path / "prepared", "old") as old:
        (old / "none").rename(old / "x")
    assert (tmp_path / ".prepare/old").exists()
    with unfinished.locked(tmp_path / "prepared", "new") as folder:
        assert [path.name for path in folder.parent.iterdir()] == ["new"]
    assert not (tmp_path / ".prepare").exists()


def test_processes_make_the_same_rows(
    tmp_path: Path, listing: Listing, plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two of them, by pwrite into one file; the count is printed."""
    one, two = (work_in(tmp_path / name, listing, plan) for name in "ab")
    go_on(one)
    there = two.begin()
    decoded = list(decode_all(two.parts(there), current(), SHAPE, processes=2))
    assert {done.name: done.sha256 for done in decoded} == {
        line.name: line.sha256 for line in one.begin().values()
    }
    for name in COUNTS:
        assert one.files[name].path.read_bytes() == two.files[name].path.read_bytes()
    again = pictures.decode(one, listing, plan, current(), SHAPE)
    assert again.facts["readable"].all()
    assert f"goes on after {sum(COUNTS.values()):,}" in capsys.readouterr().err
