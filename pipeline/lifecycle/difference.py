"""Why results that git tracks differ from the commit after a repro that changed them: one line."""

import json
from collections.abc import Mapping
from pathlib import Path

from contract import files
from pipeline.command import PARAMS
from pipeline.tracking import git, provenance

TRAIN = Path("metrics/train.json")
RESULTS = ("dvc.lock", "metrics/", "plots/")
BACK = "`git checkout HEAD -- dvc.lock metrics plots && dvc checkout` goes back"
MADE_WITH = "made_with"


def differing() -> dict[str, str]:
    """The tracked results that differ from the commit, by name, and their sha256."""
    names = [name for name in git.modified() if name.startswith(RESULTS)]
    return {name: files.sha256_of_file(Path(name)) for name in names if Path(name).is_file()}


def line(before: Mapping[str, str]) -> str | None:
    """None where nothing changed since `before`, or nothing differs."""
    now = differing()
    if not now or now == before:
        return None
    first, *more = sorted(now)
    what = f"{first} and {len(more)} more tracked files differ" if more else f"{first} differs"
    return f"note: {what} from the commit: {_reason()}. {BACK}"


def _reason() -> str:
    committed, made = git.committed(TRAIN), _text(TRAIN)
    recorded, here = _made_with(committed), _made_with(made)
    reasons = []
    if recorded and here and recorded != here:
        reasons.append(f"they were made with {recorded}; here it is {here}: sums end otherwise")
    if difference := provenance.params_difference(PARAMS):
        reasons.append(f"so does {PARAMS} ({', '.join(difference.splitlines()[:3])})")
    if git.code_differs():
        reasons.append("so does the code")
    if reasons:
        return "; ".join(reasons)
    if made and committed == made:
        return "the weights are the same; card and report name this training's run and commit"
    return "the data or the code of the commit are not what they were recorded with"


def _made_with(text: str | None) -> str | None:
    """As metrics/train.json has it."""
    try:
        found = json.loads(text or "{}").get(MADE_WITH)
    except (ValueError, AttributeError):
        return None
    return str(found) if found else None


def _text(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None
