"""Folders whose images the page may offer: those below the roots given at the start, and no others."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ddpm.data.image_source import is_image_name
from ddpm.files import real_path
from ddpm.studio.refusals import RefusalError, not_found
from ddpm.terminal import printable_name

MAX_ENTRIES = 20_000  # of a folder that are looked at
MAX_FOLDERS = 500  # that are listed


class AllowedFolders:
    """The roots that were given at the start, by their number."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = {str(number): real_path(root) for number, root in enumerate(roots)}

    def rows(self) -> list[dict[str, str]]:
        """Return the roots for the page."""
        return [{"id": id, "name": printable_name(root.name)} for id, root in self._roots.items()]

    def folder(self, root: str, path: str) -> Path:
        """Return the folder `path` (names between slashes) below a root.

        RefusalError (404) if there is none, or if it leads out of the root.
        """
        if root not in self._roots:
            raise not_found("such folder")
        names = path.split("/") if path else []
        if any(name in ("", ".", "..") or set("\\:\0") & set(name) for name in names):
            raise not_found("such folder")
        try:
            found = real_path(self._roots[root].joinpath(*names))
            inside = found.is_relative_to(self._roots[root]) and found.is_dir()
        except (OSError, RuntimeError, ValueError):
            inside = False
        if not inside:
            raise not_found("such folder")
        return found

    def listing(self, root: str, path: str) -> dict[str, Any]:
        """Return the folders below a folder, and the number of image files in it."""
        folder = self.folder(root, path)
        try:
            with os.scandir(folder) as entries:
                seen = list(itertools.islice(entries, MAX_ENTRIES))
        except OSError as error:
            raise RefusalError(403, f"The folder cannot be read ({error.strerror}).") from error
        shown = [entry for entry in seen if entry.name.isprintable() and entry.name[0] != "."]
        folders = sorted(entry.name for entry in shown if entry.is_dir())
        images = sum(is_image_name(entry.name) for entry in seen)
        return {"path": path, "folders": folders[:MAX_FOLDERS], "images": images}
