"""Registry addresses become local files, kept in step by a process of their own."""

import asyncio
import logging
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from serving.errors import ModelRefused, SettingsRefused
from serving.models.registry import ADDRESS
from serving.settings import Settings

_log = logging.getLogger("serving")

_REGISTRY = "models:/"
_FIRST_S = 120.0  # for the first download
_AGAIN_S = 1.0  # between two starts


@dataclass(frozen=True)
class Mirror:
    """`follow`: ROLE=ADDRESS. Made before forking, so that all workers watch one folder."""

    folder: Path
    follow: tuple[str, ...]
    interval_s: float

    async def first(self, stop: asyncio.Event) -> None:
        """Wait until every file is there; raises ModelRefused with the registry's complaint."""
        wanted = [_path(self.folder, pair.partition("=")[0]) for pair in self.follow]
        error = self.folder / "error"
        for _ in range(int(_FIRST_S / 0.02)):
            if error.exists() and (text := error.read_text()):
                raise ModelRefused(f"model registry refuses: {text}")
            if all(path.exists() for path in wanted):
                return
            if stop.is_set():
                raise ModelRefused("model was still being fetched when the server was stopped")
            await asyncio.sleep(0.02)
        raise ModelRefused(f"model registry gave nothing within {_FIRST_S:g} s: is it reachable?")

    async def keep(self) -> None:
        """Run the follower, and again whenever it dies; it ends with this process."""
        arguments = ["--folder", str(self.folder), "--interval", str(self.interval_s / 2)]
        arguments += ["--parent", str(os.getpid())]
        while True:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "serving.models.registry", *arguments, *self.follow),
                stdin=asyncio.subprocess.DEVNULL,
            )
            status = await process.wait()
            if not self.interval_s or (self.folder / "error").exists():
                return
            _log.warning("the registry's follower ended with status %d: again", status)
            await asyncio.sleep(_AGAIN_S)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def mirrored(settings: Settings) -> tuple[Settings, Mirror | None]:
    """Put local paths in the place of registry addresses; None: there are none.

    Raises SettingsRefused for an address that no registry can have.
    """
    given = {"model": settings.model, "challenger": settings.challenger}
    follow = {role: text for role, text in given.items() if text.startswith(_REGISTRY)}
    if not follow:
        return settings, None
    for role, address in follow.items():
        if not ADDRESS.fullmatch(address):
            raise SettingsRefused(
                f"--{role} is {address!r}: give models:/NAME@ALIAS or models:/NAME/VERSION"
            )
    folder = Path(tempfile.mkdtemp(prefix="serving-"))
    local = given | {role: str(_path(folder, role)) for role in follow}
    pairs = tuple(f"{role}={address}" for role, address in follow.items())
    changed = replace(settings, model=local["model"], challenger=local["challenger"])
    return changed, Mirror(folder, pairs, settings.watch)


def _path(folder: Path, role: str) -> Path:
    return folder / role / "present" / "model.onnx"
