"""The files in serving/page, read once at start and served from memory."""

import hashlib
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from serving.routes import Handler
from serving.wire.messages import Reply, Request

_FOLDER = Path(__file__).parent / "page"
_ALIASES = {"index.html": "/", "docs.html": "/docs", "openapi.json": "/openapi.json"}
_POLICY = (
    b"content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    b"img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'\r\n"
    b"cache-control: no-cache\r\n"
)


@dataclass(slots=True, frozen=True)
class File:
    """One file with its tag: a browser that has it gets 304."""

    content: bytes
    content_type: bytes
    tag: bytes

    async def __call__(self, request: Request) -> Reply:
        tags = ((b"etag", self.tag),)
        if request.headers.get(b"if-none-match") == self.tag:
            return Reply(b"", 304, self.content_type, tags, policy=_POLICY)
        return Reply(self.content, 200, self.content_type, tags, policy=_POLICY)


@dataclass(slots=True, frozen=True)
class Pages:
    files: dict[str, File]

    @classmethod
    def from_package(cls, folder: Path = _FOLDER) -> "Pages":
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        return cls({path.relative_to(folder).as_posix(): _file(path) for path in found})

    def handlers(self) -> Iterator[tuple[str, Handler]]:
        """Paths: index.html is /, docs.html is /docs, every other file /page/<name>."""
        for name, file in self.files.items():
            yield _ALIASES.get(name, f"/page/{name}"), file


def _file(path: Path) -> File:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    return File(content, kind.encode(), tag.encode())
