"""Files of the page: the only files that are served as HTML, JavaScript, CSS or SVG."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fastapi import APIRouter, Request, Response

from ddpm.studio.refusals import not_found

FOLDER = Path(__file__).with_name("page")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}

router = APIRouter(include_in_schema=False)


@router.get("/")
def show_page(request: Request) -> Response:
    """Return the page."""
    return _file("index.html", request)


@router.get("/page/{name:path}")
def show_page_file(name: str, request: Request) -> Response:
    """Return a file that the page is made of."""
    return _file(name, request)


def _file(name: str, request: Request) -> Response:
    """Return a file of the page, or that it has not changed. RefusalError (404) if there is none."""
    path = page_files().get(name)
    if path is None:
        raise not_found("such file of the page")
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"cache-control": "no-cache", "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=TYPES[path.suffix], headers=headers)


def page_files() -> dict[str, Path]:
    """Return the files of the page by the name in their address. No other file is ever read."""
    files = (path for path in FOLDER.rglob("*") if path.suffix in TYPES and path.is_file())
    return {path.relative_to(FOLDER).as_posix(): path for path in files}
