"""Whether the imported packages are this project's own (docs/decisions/0008).

`contract`, `pipeline`, `scoring` and `serving` are plain words: another distribution may have them.
"""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path


class ForeignPackageError(Exception):
    """A package of one of our names that belongs to somebody else."""


def check_ownership(names: Iterable[str], *, home: Path = Path(__file__).parents[1]) -> None:
    """Raise ForeignPackageError unless each package lies in `home`, beside this one."""
    for name in names:
        spec = find_spec(name)
        found = Path(spec.origin) if spec and spec.origin else None
        if found is None or found.resolve().parents[1] != home.resolve():
            raise ForeignPackageError(
                f"the package {name!r} comes from {str(found)!r}, and this project lies in "
                f"{str(home)!r}: install it into an environment of its own, and run `convnet` "
                "instead of `python -m` in a folder with packages of the same names"
            )
