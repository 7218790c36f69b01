"""From the server's inbox to data/feedback: a page to look at, then a snapshot that DVC keeps."""

import argparse
import base64
import hashlib
import html
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from contract.files import write_bytes
from pipeline import command
from pipeline.lifecycle import feedback
from pipeline.lifecycle.feedback import REVIEWED, FeedbackError
from pipeline.tracking import provenance

PAGE = "review.html"
STYLE = "img{width:56px;image-rendering:pixelated} figure{display:inline-block;margin:4px}"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inbox", type=Path, required=True, help="the server's --feedback folder")
    parser.add_argument("--accept", action="store_true", help="the page was looked at: take it")
    chosen = parser.parse_args(argv)
    sound, doubted = sort(chosen.inbox)
    if not sound and not doubted:
        raise FeedbackError(f"{chosen.inbox} holds no feedback: start the server with --feedback")
    if not chosen.accept:
        write_bytes(chosen.inbox / PAGE, page(sound, doubted).encode())
        sys.stdout.write(
            f"{summary(sound, doubted)}\nlook at {chosen.inbox / PAGE}; remove what is wrong, move "
            "what is mislabelled to its class's folder; then `make feedback ACCEPT=1`\n"
        )
        return
    accept(sound, chosen.inbox, provenance.repository_root() / "data" / "feedback")
    sys.stdout.write(
        f"{summary(sound, doubted)}\nnow: git add data/feedback && git commit; set data.feedback "
        "to true in params.yaml; `make repro`, `make promote`\n"
    )


def sort(inbox: Path) -> tuple[list[Path], list[Path]]:
    """(sound, doubted): doubted are equal images under different labels. Raises FeedbackError."""
    by_pixels: defaultdict[str, list[Path]] = defaultdict(list)
    for dataset in sorted(path for path in inbox.glob("*") if path.is_dir()):
        for path in feedback.files(dataset):
            by_pixels[f"{dataset.name} {_pixels(path)}"].append(path)
    alike = by_pixels.values()
    sound = [paths[0] for paths in alike if len(paths) == 1]
    return sound, [path for paths in alike if len(paths) > 1 for path in paths]


def accept(sound: Sequence[Path], inbox: Path, data: Path) -> None:
    """Copy, let DVC take the snapshot, then empty the inbox: what fails loses nothing."""
    if not sound:
        raise FeedbackError("every image is under two labels: remove the wrong ones first")
    for path in sound:
        target = data / REVIEWED / path.relative_to(inbox)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    done = subprocess.run(  # noqa: S603 - fixed words and our own path
        [sys.executable, "-m", "dvc", "add", "--quiet", str(data / REVIEWED)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise FeedbackError(f"`dvc add {data / REVIEWED}` failed: {done.stderr.strip()}")
    for path in sound:
        path.unlink()
    (inbox / PAGE).unlink(missing_ok=True)


def summary(sound: Sequence[Path], doubted: Sequence[Path]) -> str:
    counts = Counter(feedback.label_of(path) for path in sound)
    named = ", ".join(f"{label}: {count}" for label, count in sorted(counts.items()))
    doubt = f"; {len(doubted)} left out, the same image under two labels" if doubted else ""
    return f"{len(sound)} images ({named}){doubt}"


def page(sound: Sequence[Path], doubted: Sequence[Path]) -> str:
    """Images the model did not know, then all by label, with file names; needs no network."""
    groups: defaultdict[str, list[Path]] = defaultdict(list)
    for path in sound:
        groups[feedback.label_of(path)].append(path)
    unknown = [path for path in sound if is_unknown(path)]
    sections = [_section("first: the model did not know these", unknown)] if unknown else []
    sections += [_section(f"label {label}", paths) for label, paths in sorted(groups.items())]
    if doubted:
        sections.append(_section("the same image under two labels: remove the wrong one", doubted))
    return f"<!DOCTYPE html><meta charset=utf-8><title>Feedback</title><style>{STYLE}</style>" + (
        "\n".join(sections)
    )


def _section(title: str, paths: Sequence[Path]) -> str:
    figures = "".join(
        f'<figure title="{html.escape(str(path))}">'
        f'<img alt="" src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}">'
        f"<figcaption>{html.escape(feedback.label_of(path))} {path.stem[:8]}</figcaption></figure>"
        for path in paths
    )
    return f"<h2>{html.escape(title)} ({len(paths)})</h2>{figures}"


def is_unknown(path: Path) -> bool:
    """Whether the server wrote beside the picture that the model did not know it."""
    with Image.open(path, formats=["PNG"]) as picture:
        return picture.info.get("known") == "false"


def _pixels(path: Path) -> str:
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            return hashlib.sha256(np.asarray(picture).tobytes()).hexdigest()
    except (OSError, ValueError) as error:
        raise FeedbackError(f"{path} cannot be read ({error}): remove it") from error


if __name__ == "__main__":
    command.run(main)
