"""Pieces of HTML from plain values; whatever comes in as text is escaped."""

import base64
from collections.abc import Mapping, Sequence
from html import escape


def section(anchor: str, title: str, *content: str) -> str:
    return f'<section id="{anchor}"><h2>{escape(title)}</h2>{"".join(content)}</section>\n'


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def subtitle(text: str) -> str:
    return f"<h3>{escape(text)}</h3>"


def tile(value: str, *words: str) -> str:
    lines = "".join(f"<span>{escape(line)}</span>" for line in words)
    return f'<div class="tile"><b>{escape(value)}</b>{lines}</div>'


def chart(svg: str, *, alt: str, caption: str = "", width: str = "") -> str:
    """An inline <svg> with a name for those who cannot see it; width: narrow, middle or wide."""
    named = svg.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1)
    return _figure(named, caption, width)


def picture(png: bytes, *, alt: str, caption: str = "", width: str = "") -> str:
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return _figure(f'<img src="{source}" alt="{escape(alt)}">', caption, width)


def _figure(content: str, caption: str, width: str) -> str:
    # It scrolls on small screens: the keyboard must reach it.
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="{width}" tabindex="0">{content}{below}</figure>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column names the row; columns of numbers stand to the right."""
    sides = [_side(column) for column in zip(*rows, strict=True)]
    sides[0] = ""
    head = "".join(
        f'<th scope="col"{side}>{escape(name)}</th>'
        for name, side in zip(header, sides, strict=True)
    )
    body = "".join(f"<tr>{_cells(row, sides)}</tr>" for row in rows)
    return (
        f'<div class="table tall" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def pairs(rows: Mapping[str, object]) -> str:
    """Two columns, name and value, as code."""
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td><code>{escape(_said(value))}</code></td></tr>'
        for name, value in rows.items()
    )
    return f'<div class="table" tabindex="0"><table><tbody>{body}</tbody></table></div>'


def beside(left: str, right: str) -> str:
    """Two parts next to each other, where the screen is wide enough."""
    return f'<div class="beside"><div>{left}</div><div>{right}</div></div>'


def _cells(row: Sequence[str], sides: Sequence[str]) -> str:
    name, *values = zip(map(escape, row), sides, strict=True)
    return f'<th scope="row">{name[0]}</th>' + "".join(
        f"<td{side}>{value}</td>" for value, side in values
    )


def _side(column: Sequence[str]) -> str:
    return ' class="number"' if all(value[:1].isdigit() for value in column) else ""


def _said(value: object) -> str:
    """As params.yaml writes it."""
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)
