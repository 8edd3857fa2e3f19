"""Zips of images that the page uploads: streamed to the disk, checked by the readers of data sets."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError
from ddpm.files import real_path
from ddpm.quantities import format_bytes
from ddpm.studio.refusals import RefusalError, not_found
from ddpm.studio.trainings import STUDIO_FOLDER

_ID = re.compile(r"[0-9a-f]{16}")
_ZIP = b"PK\x03\x04"


class Uploads:
    """Uploaded zips of one runs folder, named by their content."""

    def __init__(self, runs: Path, limit: int) -> None:
        """`limit`: bytes of all uploads together."""
        self._folder, self._limit = runs / STUDIO_FOLDER / "uploads", limit

    async def receive(self, parts: AsyncIterator[bytes]) -> dict[str, Any]:
        """Store a zip and return its id and the number of its images.

        RequestError if it is no zip of images; RefusalError if there is no room for it.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".tmp-", suffix=".zip", dir=self._folder)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                digest, room = hashlib.sha256(), self._limit - self._size()
                async for part in parts:
                    room -= len(part)
                    if room < 0:
                        raise RefusalError(413, self._full())
                    digest.update(part)
                    await asyncio.to_thread(file.write, part)
            return await asyncio.to_thread(self._check_and_keep, temporary, digest.hexdigest()[:16])
        finally:
            temporary.unlink(missing_ok=True)

    def path(self, id: str) -> Path:
        """Return the path of an upload. RefusalError (404) if there is none."""
        path = self._folder / f"{id}.zip"
        if not _ID.fullmatch(id) or not path.is_file():
            raise not_found("such upload")
        return real_path(path)

    def _check_and_keep(self, temporary: Path, id: str) -> dict[str, Any]:
        """Read the list of images and give the file its name."""
        with temporary.open("rb") as file:
            if file.read(4) != _ZIP:
                raise RequestError("The upload is no zip; pack the images into one.")
        try:
            source = open_source(temporary)
        except RequestError as error:
            raise RequestError(str(error).replace(str(temporary), "The zip")) from error
        os.replace(temporary, self._folder / f"{id}.zip")
        classes = list(source.class_names or ())
        return {"id": id, "images": len(source), "classes": classes}

    def _size(self) -> int:
        return sum(path.stat().st_size for path in self._folder.glob("*.zip"))

    def _full(self) -> str:
        return (
            f"The uploads take {format_bytes(self._limit)} together, and no more; delete some of "
            f"{self._folder}, or pass a folder by --allow."
        )
