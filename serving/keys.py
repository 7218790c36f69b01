"""The API keys: compared in constant time, taken from either of two usual fields.

Those of a file may change while the server runs: add a key, let callers take it, drop the old one.
"""

import asyncio
import hmac
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path

from serving.detached import detached
from serving.errors import SettingsRefused
from serving.wire.messages import Headers

_log = logging.getLogger("serving")

_LOOK_S = 1.0
_KEY = re.compile(r"[\x21-\x7e]{1,1024}")


@dataclass(slots=True)
class Keys:
    """`fixed`: that of the command line or the variable, where there is one."""

    fixed: tuple[bytes, ...] = field(default=(), repr=False)
    file: Path | None = None
    _of_file: tuple[bytes, ...] = field(default=(), repr=False)

    def read(self) -> None:
        """Take the file's keys; raises SettingsRefused, and those from before stay."""
        if self.file is not None:
            self._of_file = keys_in(self.file)

    @property
    def asked_for(self) -> bool:
        return bool(self.fixed) or self.file is not None

    @property
    def may_change(self) -> bool:
        """Whether they are those of a file."""
        return self.file is not None

    def open(self, headers: Headers) -> bool:
        """Whether Authorization: Bearer … or X-API-Key holds one of them."""
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        bearer = token.strip() if scheme.lower() == b"bearer" else b""
        given = bearer or headers.get(b"x-api-key", b"")
        keys = (*self.fixed, *self._of_file)
        return sum(hmac.compare_digest(given, key) for key in keys) > 0  # all, to take equally long

    async def follow(self) -> None:
        """Read the file again whenever it changes, for ever."""
        seen = await detached(self._mark)
        while self.file is not None:
            await asyncio.sleep(_LOOK_S)
            mark = await detached(self._mark)
            if mark == seen:
                continue
            seen = mark
            try:
                await detached(self.read)
            except SettingsRefused as error:
                _log.warning("%s; the keys from before stay", error)
            else:
                _log.info("--api-key-file was read again: %d keys", len(self._of_file))

    def _mark(self) -> object:
        """What differs when the file does."""
        try:
            status = self.file.stat() if self.file else None
        except OSError:
            return None
        return status and (status.st_ino, status.st_size, status.st_mtime_ns)


def keys_of(key: str, file: str) -> Keys:
    """Give those that are set, of either kind; raises SettingsRefused."""
    keys = Keys((key.encode(),) if key else (), Path(file) if file else None)
    keys.read()
    return keys


def keys_in(file: Path) -> tuple[bytes, ...]:
    """One a line; empty lines and those that begin with # do not count."""
    try:
        lines = [line.strip() for line in file.read_text("ascii").splitlines()]
    except (OSError, UnicodeDecodeError):
        raise SettingsRefused(
            f"--api-key-file {str(file)!r} cannot be read: give a text file, one key a line"
        ) from None
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys or not all(map(_KEY.fullmatch, keys)):
        raise SettingsRefused(
            f"--api-key-file {str(file)!r} must hold one key a line, at least one: printable ASCII "
            "without spaces"
        )
    return tuple(key.encode() for key in keys)
