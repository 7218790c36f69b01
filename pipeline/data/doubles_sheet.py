"""One picture of the pictures that have a double: a row for each set that the audit shows."""

import io
from collections.abc import Mapping

from PIL import Image, ImageDraw

from contract.arrays import Images
from pipeline.data import lettering
from pipeline.data.arrays import Split
from pipeline.data.audit import Audit, Doubles, Member
from pipeline.data.contact_sheet import COUNT_SIZE, FAINT, GAP, INK, PAPER

DOUBLES_PNG = "doubles.png"
SIDE = 72  # px of a thumbnail
TEXT = 300  # px beside it
LINE = 16  # px
LONGEST = 40  # characters of a path


def sheet(audit: Audit, splits: Mapping[str, Split]) -> bytes | None:
    """PNG bytes: sets of equal pictures, then pairs of near ones; None where there are none."""
    rows = [*_rows("equal", audit.equal), *_rows("near", audit.near)]
    if not rows:
        return None
    wide = max(len(members) for _, members in rows)
    size = (GAP + wide * (SIDE + TEXT), GAP + len(rows) * (SIDE + GAP))
    canvas = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(canvas)
    for number, (word, members) in enumerate(rows):
        top = GAP + number * (SIDE + GAP)
        for column, member in enumerate(members):
            left = GAP + column * (SIDE + TEXT)
            canvas.paste(_thumb(splits[member.split].images[member.row]), (left, top))
            lines = (
                (f"{member.label}  ({member.split}, {word})", INK),
                (_short(member.path), FAINT),
            )
            for line, (text, colour) in enumerate(lines):
                place = (left + SIDE + GAP, top + line * LINE)
                lettering.write(draw, place, text, size=COUNT_SIZE, fill=colour)
    content = io.BytesIO()
    canvas.save(content, "PNG")
    return content.getvalue()


def _rows(word: str, doubles: Doubles) -> list[tuple[str, tuple[Member, ...]]]:
    return [(word, members) for members in doubles.shown]


def _short(path: str) -> str:
    return path if len(path) <= LONGEST else f"...{path[3 - LONGEST :]}"


def _thumb(image: Images) -> Image.Image:
    pixels = image.transpose(1, 2, 0)
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    return picture.resize((SIDE, SIDE), Image.Resampling.BOX).convert("RGB")
