"""Decoded images on disk: decoding happens once for a content, a size and a number of channels.

A folder CACHE/decoded/<key> (``rows`` says what is in it) is written under another name and renamed
when whole, so that two processes may prepare the same set at once, and a killed one leaves nothing
that could be taken for a cache.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.data.decoded_rows import Transform, open_rows, write_rows
from ddpm.data.image_source import ImageSource
from ddpm.data.mapped_array import Images, open_mapped_array
from ddpm.data.threads import Progress
from ddpm.errors import WorkError
from ddpm.locking import exclusive_lock, is_abandoned

_TEMPORARY = ".tmp-"
_LOCK = "lock"  # held while a folder is written
_DAMAGE = (  # what json, numpy and zipfile say of bytes that are no longer those that were written
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RuntimeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)
_LEFTOVER_AGE = 24 * 3600  # seconds: nothing takes that long to prepare
_ABANDONED_AGE = 60  # seconds, where the lock says that its writer is dead


@dataclass(frozen=True)
class Decoded:
    """The images of a set that could be decoded, M of them, and what was learned on the way."""

    images: Images  # [M, C, H, W], a read-only memory map, or several
    items: NDArray[np.int64]  # [M], which item of the source each is
    file_hashes: NDArray[np.uint64]  # [M], of the file's bytes
    pixel_hashes: NDArray[np.uint64]  # [M], of the decoded pixels
    sums: NDArray[np.int64]  # [M, C, 2], sum of the pixels and of their squares
    broken: tuple[tuple[str, str], ...]  # (name, reason)


def decoded_images(
    source: ImageSource,
    content_hash: str,
    transform: Transform,
    cache_dir: Path,
    progress: Progress | None = None,
) -> Decoded:
    """The images of ``source``, of known content, from the cache or decoded into it.

    WorkError where the cache folder cannot be written or the set has changed meanwhile.
    """
    folder = cache_dir / "decoded" / transform.key(content_hash)
    for _ in range(2):  # again where another process put it aside, having seen damage there before
        if (found := _open(folder)) is not None:
            return found
        with explain_disk_errors(cache_dir):
            _build(source, content_hash, transform, folder, progress)
    if (found := _open(folder)) is not None:
        return found
    raise WorkError(f"The decoded images in {folder} were damaged at once; check the disk.")


def cached_images(content_hash: str, transform: Transform, cache_dir: Path) -> Decoded | None:
    """The same, or None where they are not in the cache; nothing is decoded or written."""
    return _open(cache_dir / "decoded" / transform.key(content_hash))


def _open(folder: Path) -> Decoded | None:
    """What lies in ``folder``, or None where it is absent, cut short or damaged."""
    try:
        index: dict[str, Any] = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        images, rows = open_mapped_array(folder, tuple(index["shape"])), open_rows(folder)
        if len(rows["items"]) != len(images):
            return None
        return Decoded(images, **rows, broken=tuple((name, why) for name, why in index["broken"]))
    except _DAMAGE:
        return None


def _build(
    source: ImageSource,
    content_hash: str,
    transform: Transform,
    folder: Path,
    progress: Progress | None,
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder.parent)
    temporary = folder.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
    try:
        with exclusive_lock(temporary / _LOCK, str(temporary)):
            write_rows(source, content_hash, transform, temporary, progress)
        _publish(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _publish(temporary: Path, folder: Path) -> None:
    """Give a whole folder its name, unless another process has been quicker.

    Renaming comes first, since the system refuses it where a folder has that name: to look and then
    to rename would, between the two, put aside what another process has just finished.
    """
    for _ in range(8):
        with contextlib.suppress(OSError):
            os.replace(temporary, folder)
            return
        if _open(folder) is not None:
            return
        damaged = temporary.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
        with contextlib.suppress(FileNotFoundError):
            os.replace(folder, damaged)
            shutil.rmtree(damaged, ignore_errors=True)
    raise OSError(f"{folder.name} cannot be put in its place")


def remove_abandoned(folder: Path) -> None:
    """Delete what killed processes left in ``folder``, but nothing that another one may be writing."""
    for path in folder.glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError):
            age = time.time() - path.stat().st_mtime
            if age > _LEFTOVER_AGE or (age > _ABANDONED_AGE and is_abandoned(path / _LOCK)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextlib.contextmanager
def explain_disk_errors(cache_dir: Path) -> Iterator[None]:
    """A disk that refuses, said in a sentence."""
    try:
        yield
    except OSError as error:
        raise WorkError(
            f"{cache_dir} cannot be written ({error.strerror or error}): make room there or let "
            "DDPM_CACHE_DIR name another folder."
        ) from error
