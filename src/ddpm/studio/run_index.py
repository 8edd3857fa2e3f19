"""Runs of the studio by id. An address never holds a path."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from ddpm.files import real_path
from ddpm.runs import RunFolder, list_runs
from ddpm.studio.refusals import RefusalError, not_found
from ddpm.terminal import printable_name

_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PNG, _GIF = b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a")
_MAX_PICTURE = 64 << 20  # bytes of a picture that is served


def run_id(name: str) -> str:
    """Return the id of a run: its name, or a hash of a name that an address cannot hold."""
    if _PLAIN_ID.fullmatch(name):
        return name
    return "~" + hashlib.sha256(os.fsencode(name)).hexdigest()[:16]


class RunIndex:
    """The runs of one folder. Links that lead out of it are followed only into `allowed` folders."""

    def __init__(self, folder: Path, allowed: Sequence[Path] = ()) -> None:
        self.folder = folder
        self._roots = [real_path(path) for path in (folder, *allowed)]

    def runs(self) -> dict[str, RunFolder]:
        """Return the runs by id, sorted by name."""
        return {
            run_id(run.root.name): run
            for run in list_runs(self.folder)
            if self._is_inside(run.root)
        }

    def get(self, id: str) -> RunFolder:
        """Return the run `id`. RefusalError (404) if there is none."""
        run = self.runs().get(id) if _PLAIN_ID.fullmatch(id.removeprefix("~")) else None
        if run is None:
            raise not_found("such run")
        return run

    def free_folder(self, name: str) -> Path:
        """Return the folder of a new run called `name`. RefusalError: not a plain name, or taken."""
        if not _PLAIN_ID.fullmatch(name):
            raise RefusalError(
                422,
                "The name of a run takes 1 to 64 letters, digits, dots, dashes and underscores, and "
                "begins with a letter or a digit.",
            )
        folder = self.folder / name
        if os.path.lexists(folder):
            raise RefusalError(409, f"{folder} exists already; choose another name.")
        return folder

    def picture(self, run: RunFolder, path: Path) -> tuple[bytes, str]:
        """Return the bytes and the type of a run's picture, PNG or GIF.

        RefusalError (404) if it is missing, leads out of the run, or is no such picture.
        """
        resolved = real_path(path)
        if not (resolved.is_relative_to(real_path(run.root)) and resolved.is_file()):
            raise not_found("such picture")
        if resolved.stat().st_size > _MAX_PICTURE:
            raise not_found("such picture")
        content = resolved.read_bytes()
        if content.startswith(_PNG):
            return content, "image/png"
        if content.startswith(_GIF):
            return content, "image/gif"
        raise not_found("such picture")

    def _is_inside(self, path: Path) -> bool:
        try:
            resolved = real_path(path)
        except (OSError, RuntimeError):  # a link that leads to itself
            return False
        return any(resolved.is_relative_to(root) for root in self._roots)


def shown_name(run: RunFolder) -> str:
    """Return the name of a run as printable text, whatever its bytes are."""
    return printable_name(run.root.name)
