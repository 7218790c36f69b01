"""A folder of pictures as the stage prepares it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from PIL import Image

from contract.arrays import Images
from contract.reading.rules import current
from pipeline.config import load
from pipeline.data import arrays, audit, datasets, gathering, pictures, unfinished
from pipeline.data.arrays import Prepared, Split
from pipeline.data.assemble import describe
from pipeline.data.looking import look
from pipeline.data.raw import Source

SIZE = 9
PARAMS = Path(__file__).parents[3] / "params.yaml"
SOURCE = Source(name="folder", requested="folder", source="published", files={})
NOTHING = Split(np.empty((0, 3, SIZE, SIZE), np.uint8), np.empty(0, np.int64))


@dataclass(frozen=True)
class Made:
    prepared: Prepared
    audit: audit.Audit


def made(home: Path, more: Split = NOTHING, **chosen: object) -> Made:
    """What the stage makes of home/images, as it lies on the disk."""
    data = replace(load(PARAMS).data, **{"dataset": "folder", "folder_size": SIZE, **chosen})
    rules, shape = current(), datasets.image_shape(data)
    listing, plan = pictures.listed(home / "images", data)
    key = unfinished.key_of(listing, plan, rules, shape)
    with unfinished.locked(home / "prepared", key) as folder:
        work = unfinished.Unfinished(folder, listing, plan, shape)
        found = pictures.decode(work, listing, plan, rules, shape)
        pictures.refuse_unreadable(found, data.folder_unreadable, home / "plots")
        gathered = gathering.gather(work, found, more, name="mine", allow_leak=data.allow_leak)
        whole = describe(gathered, SOURCE, "mine", gathered.splits, reading=rules)
        report = audit.audit(found, gathered)
        arrays.publish(work.arrays, home / "prepared", whole)
    assert not (home / ".prepare").exists()
    return Made(arrays.load(home / "prepared", thorough=True), report)


def prepared(home: Path, more: Split = NOTHING, **chosen: object) -> Prepared:
    return made(home, more, **chosen).prepared


def read(path: Path, size: int, channels: int) -> Images:
    """One picture as prepare reads it, (channels, size, size)."""
    seen = look(str(path), rules=current(), shape=(channels, size, size))
    assert not seen.reason, seen.reason
    return seen.pixels


def make_folder(root: Path, *folders: str, count: int = 10) -> None:
    """Noise, different in every file."""
    generator = np.random.default_rng(len(folders))
    for folder in folders:
        (root / folder).mkdir(parents=True)
        for number in range(count):
            pixels = generator.integers(0, 256, (9, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{number}.png")
