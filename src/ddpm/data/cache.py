"""Cache of decoded images on disk: each data set is decoded once per size and number of channels.

A folder CACHE/decoded/<key> (see `decoded_rows` for its files) is written under a temporary name and
renamed when complete. Two processes may therefore prepare the same set at once, and a killed process
leaves nothing that looks like a complete cache.
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
from ddpm.data.mapped_array import MappedImages, open_mapped_array
from ddpm.data.threads import ProgressCallback
from ddpm.errors import WorkError
from ddpm.files import TEMP_PREFIX
from ddpm.locking import exclusive_lock, is_abandoned

_LOCK = "lock"  # held while a folder is written
_DAMAGE_ERRORS = (  # raised by json, numpy and zipfile on damaged files
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
_STALE_AGE = 24 * 3600  # seconds; preparing a set never takes that long
_ABANDONED_AGE = 60  # seconds, for folders whose lock nobody holds


@dataclass(frozen=True)
class DecodedImages:
    """The M images of a set that could be decoded, with their hashes and sums."""

    images: MappedImages  # [M, C, H, W], memory-mapped, read-only
    items: NDArray[np.int64]  # [M], index of each image in the source
    file_hashes: NDArray[np.uint64]  # [M], hashes of the files' bytes
    pixel_hashes: NDArray[np.uint64]  # [M], hashes of the decoded pixels
    sums: NDArray[np.int64]  # [M, C, 2], sums of the pixels and of their squares
    broken: tuple[tuple[str, str], ...]  # (name, reason)


def decoded_images(
    source: ImageSource,
    content_hash: str,
    transform: Transform,
    cache_dir: Path,
    progress: ProgressCallback | None = None,
) -> DecodedImages:
    """Return the images of `source` from the cache, decoding them first if necessary.

    `content_hash` is the hash found by `survey`. Raises WorkError if the cache folder cannot be
    written or the set has changed since the survey.
    """
    folder = cache_dir / "decoded" / transform.key(content_hash)
    for _ in range(2):  # another process may just remove a damaged folder of this name
        if (found := _read_cache(folder)) is not None:
            return found
        with explain_disk_errors(cache_dir):
            _build(source, content_hash, transform, folder, progress)
    if (found := _read_cache(folder)) is not None:
        return found
    raise WorkError(
        f"The decoded images in {folder} were damaged right after they were written. Check the disk."
    )


def cached_images(content_hash: str, transform: Transform, cache_dir: Path) -> DecodedImages | None:
    """Return the images from the cache, or None if they are not in it."""
    return _read_cache(cache_dir / "decoded" / transform.key(content_hash))


def _read_cache(folder: Path) -> DecodedImages | None:
    """Return the decoded images in `folder`, or None if it is absent, truncated or damaged."""
    try:
        index: dict[str, Any] = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        images, rows = open_mapped_array(folder, tuple(index["shape"])), open_rows(folder)
        if len(rows["items"]) != len(images):
            return None
        return DecodedImages(
            images, **rows, broken=tuple((name, reason) for name, reason in index["broken"])
        )
    except _DAMAGE_ERRORS:
        return None


def _build(
    source: ImageSource,
    content_hash: str,
    transform: Transform,
    folder: Path,
    progress: ProgressCallback | None,
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned_folders(folder.parent)
    temporary = folder.with_name(f"{TEMP_PREFIX}{secrets.token_hex(8)}")
    try:
        with exclusive_lock(temporary / _LOCK, str(temporary)):
            write_rows(source, content_hash, transform, temporary, progress)
        _publish(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _publish(temporary: Path, folder: Path) -> None:
    """Rename a complete folder to `folder`, unless another process already did.

    The rename is tried before looking at `folder`, because it fails if that exists. Looking first
    could remove what another process finished in between.
    """
    for _ in range(8):
        with contextlib.suppress(OSError):
            os.replace(temporary, folder)
            return
        if _read_cache(folder) is not None:
            return
        damaged = temporary.with_name(f"{TEMP_PREFIX}{secrets.token_hex(8)}")
        with contextlib.suppress(FileNotFoundError):
            os.replace(folder, damaged)
            shutil.rmtree(damaged, ignore_errors=True)
    raise OSError(f"{folder.name} cannot be renamed")


def remove_abandoned_folders(folder: Path) -> None:
    """Delete the folders that killed processes left in `folder`, but none that may be in use."""
    for path in folder.glob(f"{TEMP_PREFIX}*"):
        with contextlib.suppress(OSError):
            age = time.time() - path.stat().st_mtime
            if age > _STALE_AGE or (age > _ABANDONED_AGE and is_abandoned(path / _LOCK)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextlib.contextmanager
def explain_disk_errors(cache_dir: Path) -> Iterator[None]:
    """Raise WorkError with a fix if the block cannot write to the cache."""
    try:
        yield
    except OSError as error:
        raise WorkError(
            f"{cache_dir} cannot be written ({error.strerror or error}). Free some disk space, or set "
            "DDPM_CACHE_DIR to another folder."
        ) from error
