"""Decoded images on disk: decoding happens once for a content, a size and a number of channels.

    CACHE/decoded/<key>/images.npy   uint8 [M, C, H, W], opened as a memory map
                        rows.npz     for each row: its item, two hashes, sums of pixels
                        index.json   the content, the transform, every broken file with its reason

A folder is written under another name and renamed when whole, so that two processes may prepare the
same set at once and a killed one leaves nothing that could be taken for a cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpm.data.decoding import RULE, decode, quiet_pillow
from ddpm.data.parallel import Progress, in_order
from ddpm.data.source import BrokenImageError, ImageSource
from ddpm.errors import WorkError

_TEMPORARY = ".tmp-"
_LEFTOVER_AGE = 24 * 3600  # seconds: what a killed process left; nothing takes that long to prepare


@dataclass(frozen=True)
class Decoded:
    """The images of a set that could be decoded, M of them, and what was learned on the way."""

    images: NDArray[np.uint8]  # [M, C, H, W], a read-only memory map
    items: NDArray[np.int64]  # [M], which item of the source each is
    file_hashes: NDArray[np.uint64]  # [M], of the file's bytes
    pixel_hashes: NDArray[np.uint64]  # [M], of the decoded pixels
    sums: NDArray[np.int64]  # [M, C, 2], sum of the pixels and of their squares
    broken: tuple[tuple[str, str], ...]  # (name, reason)


class _Row(NamedTuple):
    pixels: NDArray[np.uint8]
    file_hash: int
    pixel_hash: int


@dataclass(frozen=True)
class Transform:
    """What decoding brings every image to."""

    size: tuple[int, int]  # height, width
    channels: int

    def key(self, content_hash: str) -> str:
        """The cache folder's name: the content, the transform and the rule's version."""
        height, width = self.size
        return f"{content_hash[:32]}-{height}x{width}x{self.channels}-{RULE}"


def decoded_images(
    source: ImageSource,
    content_hash: str,
    transform: Transform,
    cache_dir: Path,
    progress: Progress | None = None,
) -> Decoded:
    """The images of ``source``, from the cache or decoded into it.

    WorkError where the cache folder cannot be written.
    """
    folder = cache_dir / "decoded" / transform.key(content_hash)
    found = _open(folder)
    if found is None:
        with _writing_in(cache_dir):
            _build(source, transform, folder, progress)
        found = _open(folder)
    if found is None:
        raise WorkError(f"The decoded images in {folder} were damaged at once; check the disk.")
    return found


def _open(folder: Path) -> Decoded | None:
    """What lies in ``folder``, or None where it is absent, cut short or damaged."""
    try:
        index: dict[str, Any] = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        with np.load(folder / "rows.npz", allow_pickle=False) as archive:
            rows = {key: archive[key] for key in archive.files}
        file = folder / "images.npy"
        images = np.load(file, mmap_mode="r", allow_pickle=False)
        whole = file.stat().st_size == images.offset + images.nbytes
        if not whole or list(images.shape) != index["shape"] or len(rows["items"]) != len(images):
            return None
        return Decoded(images, **rows, broken=tuple((name, why) for name, why in index["broken"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
        return None


def _build(
    source: ImageSource, transform: Transform, folder: Path, progress: Progress | None
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder.parent)
    temporary = folder.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
    temporary.mkdir()
    try:
        _write(source, transform, temporary, progress)
        _publish(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(
    source: ImageSource, transform: Transform, folder: Path, progress: Progress | None
) -> None:
    """Decode everything into ``folder``, row after row in the order of the items."""
    items: list[int] = []
    hashes: list[tuple[int, int]] = []
    sums: list[NDArray[np.int64]] = []
    broken: list[tuple[str, str]] = []
    shape = (len(source), transform.channels, *transform.size)
    with (folder / "images.npy").open("wb") as file, quiet_pillow():
        _write_header(file, shape)
        results = in_order(lambda i: _decode_row(source, i, transform), len(source), progress)
        for item, row in enumerate(results):
            if isinstance(row, str):
                broken.append((source.names[item], row))
                continue
            file.write(row.pixels.tobytes())
            items.append(item)
            hashes.append((row.file_hash, row.pixel_hash))
            sums.append(_sums(row.pixels))
        shape = (len(items), *shape[1:])
        file.seek(0)
        _write_header(file, shape)
        file.flush()
        os.fsync(file.fileno())
    file_hashes, pixel_hashes = np.array(hashes, dtype=np.uint64).reshape(-1, 2).T
    with (folder / "rows.npz").open("wb") as file:
        np.savez(
            file,
            items=np.array(items, dtype=np.int64),
            file_hashes=file_hashes,
            pixel_hashes=pixel_hashes,
            sums=np.array(sums, dtype=np.int64).reshape(-1, transform.channels, 2),
        )
        file.flush()
        os.fsync(file.fileno())
    index = {"shape": shape, "given": len(source), "broken": broken}
    (folder / "index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")


def _decode_row(source: ImageSource, item: int, transform: Transform) -> _Row | str:
    """One item decoded, or the reason why it cannot be."""
    try:
        loaded = source.load(item)
        pixels = decode(loaded, transform.size, transform.channels)
    except BrokenImageError as error:
        return str(error)
    data = loaded if isinstance(loaded, bytes) else loaded.tobytes()
    return _Row(pixels, _hash(data), _hash(pixels.tobytes()))


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")


def _sums(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """[C, 2]: each channel's sum and sum of squares, exact."""
    wide = pixels.astype(np.int64)
    return np.stack([wide.sum((1, 2)), (wide * wide).sum((1, 2))], axis=1)


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """An .npy header, which numpy pads so that another number of rows fits into the same bytes."""
    description = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, description)


def _publish(temporary: Path, folder: Path) -> None:
    """Give a whole folder its name, unless another process has been quicker."""
    for _ in range(8):
        if _open(folder) is not None:
            return
        with contextlib.suppress(FileNotFoundError):  # damaged: out of the way
            os.replace(folder, temporary.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}"))
        with contextlib.suppress(OSError):  # another process came between
            os.replace(temporary, folder)
            return
    raise OSError(f"{folder.name} cannot be put in its place")


def _remove_leftovers(folder: Path) -> None:
    for path in folder.glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFTOVER_AGE:
                shutil.rmtree(path)


@contextlib.contextmanager
def _writing_in(cache_dir: Path) -> Iterator[None]:
    """A disk that refuses, said in a sentence."""
    try:
        yield
    except OSError as error:
        raise WorkError(
            f"{cache_dir} cannot be written ({error.strerror or error}): make room there or let "
            "DDPM_CACHE_DIR name another folder."
        ) from error
