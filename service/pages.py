"""The page: its files, read once at the start, and served with a policy that lets in nothing from elsewhere."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response

HOME = "/"
_FOLDER = Path(__file__).parent / "page"
_FILES = "/page"
_INDEX = "index.html"
# Whatever else lies in the folder, an editor's copy, say, is not served.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # kept, but asked for again: a new version of the service has a new page
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class PageFile:
    """A file of the page as it is sent: its bytes, their media type, and the tag by which a browser knows them."""

    content: bytes
    media_type: str
    tag: str


def page_files(folder: Path = _FOLDER) -> dict[str, PageFile]:
    """Read the page: its files by the paths at which they are served, ``/`` and ``/page/<name>``."""
    return {
        HOME if path.name == _INDEX else f"{_FILES}/{path.name}": _read(path)
        for path in sorted(folder.iterdir())
        if path.suffix in _TYPES and path.is_file()
    }


def _read(path: Path) -> PageFile:
    content = path.read_bytes()
    return PageFile(content, _TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:16]}"')


def add_page(app: FastAPI, files: Mapping[str, PageFile]) -> None:
    """Serve these files; the page holds no data, it asks for them as everybody else does."""
    for path, file in files.items():
        app.add_api_route(path, _answering(file), methods=["GET", "HEAD"], include_in_schema=False)


def _answering(file: PageFile) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        headers = {**_HEADERS, "ETag": file.tag}
        if file.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(file.content, headers=headers, media_type=file.media_type)

    return answer
