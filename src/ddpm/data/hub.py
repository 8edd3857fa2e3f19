"""Data sets on the Hugging Face Hub, named hf:OWNER/NAME.

The training split is streamed once into tar shards in the cache, image files unchanged. Later uses need
no network. If the stream is interrupted, complete shards are kept and the next attempt continues after
them. The package `datasets` is imported only for a download.
"""

from __future__ import annotations

import errno
import io
import itertools
import re
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddpm.data.threads import ProgressCallback
from ddpm.errors import RequestError, WorkError
from ddpm.files import atomic_file, remove_temporary_files

_NAME = re.compile(r"hf:\w[\w.-]*/\w[\w.-]*", re.ASCII)
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_SHARD = 2000  # rows per shard
# First bytes → extension; otherwise JPEG
_EXTENSIONS = {b"\x89PNG": "png", b"RIFF": "webp", b"GIF8": "gif"}
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16")

Row = Mapping[str, Any]


def is_hub_name(text: str) -> bool:
    """Return whether `text` has the form hf:OWNER/NAME."""
    return _NAME.fullmatch(text) is not None and ".." not in text


def shard_folder(name: str, cache_dir: Path) -> Path:
    """Return the cache folder of hf:OWNER/NAME, which exists once the download is complete."""
    return cache_dir / "hub-shards" / name.removeprefix("hf:")


def fetch_from_hub(name: str, cache_dir: Path, progress: ProgressCallback | None = None) -> Path:
    """Return the folder of the set's shards, downloading it first if necessary.

    `progress` receives the number of images. Raises RequestError if the package `datasets` is missing
    or the set has no images, and WorkError if the download fails.
    """
    folder = shard_folder(name, cache_dir)
    if folder.exists():
        return folder
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise RequestError(
            f"{name} needs the package datasets. Run pip install 'ddpm-studio[hub]'."
        ) from error
    part = folder.with_name(f".{folder.name}.part")
    try:
        stream = load_dataset(name.removeprefix("hf:"), split="train", streaming=True)
        _write_shards(stream, name, part, progress)
        remove_temporary_files(part)
        part.replace(folder)  # the final name marks a complete set
    except RequestError:
        raise
    except Exception as error:  # from the library, the network or the disk
        if not folder.exists():  # otherwise another process completed it
            raise _failure(error, name, cache_dir) from error
    shutil.rmtree(part, ignore_errors=True)  # left if another process finished first
    return folder


def _failure(error: Exception, name: str, cache_dir: Path) -> WorkError:
    """Return the error for a failed download, with its fix."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return WorkError(
            f"{cache_dir} cannot be written ({error.strerror}). Free some disk space, or set DDPM_CACHE_DIR "
            "to another folder. What was downloaded is kept."
        )
    fix = "Run the command again when online; what was downloaded is kept."
    if isinstance(error, (ValueError, FileNotFoundError)):  # no such set, or no split `train`
        fix = "Check its page on huggingface.co, or pass another set."
    return WorkError(f"{name} could not be downloaded from the Hub ({reason}). {fix}")


def _shard(part: Path, number: int) -> Path:
    return part / f"{number:06d}.tar"


def _write_shards(stream: Any, name: str, part: Path, progress: ProgressCallback | None) -> None:
    """Write the missing rows into shards in `part`, `_SHARD` rows per shard except the last."""
    stream, columns = _open_columns(stream, name)
    complete = next(number for number in itertools.count() if not _shard(part, number).exists())
    rest = iter(stream.skip(complete * _SHARD) if complete else stream)
    rows = _with_progress(rest, complete * _SHARD, _total(stream), progress)
    for number in itertools.count(complete):
        with atomic_file(_shard(part, number)) as temporary:
            count = _write_shard(temporary, itertools.islice(rows, _SHARD), columns)
        if count < _SHARD:
            return


def _with_progress(
    rows: Iterable[Row], done: int, total: int, progress: ProgressCallback | None
) -> Iterator[Row]:
    """Yield the rows and report progress, counting from `done`."""
    for count, row in enumerate(rows, start=done + 1):
        yield row
        if progress is not None:
            progress(count, max(count, total))


@dataclass(frozen=True)
class _Columns:
    """Columns of a row that hold its image and its class."""

    image: str
    label: str | None
    names: Mapping[int, str]  # class names, if the set has any

    def class_of(self, row: Row) -> str | None:
        """Return the class as text, or None if the row has none (-1 on the Hub)."""
        value = row.get(self.label) if self.label else None
        return None if value is None or value == -1 else self.names.get(value, str(value))


def _open_columns(stream: Any, name: str) -> tuple[Any, _Columns]:
    """Return (stream, columns); the stream leaves image files undecoded if the set stores files."""
    features = stream.features or {}
    undecoded = stream.decode(False) if features else stream
    row: Row = next(iter(undecoded), {})
    image = next((key for key, value in row.items() if _is_image(value)), None)
    if image is None:
        columns = ", ".join(row) or "none"
        raise RequestError(
            f"{name} has no images in its first row (columns: {columns}). Pass another set."
        )
    class_names = {key: feature.names for key, feature in features.items() if _has_names(feature)}
    label = next(iter([*class_names, *(key for key in ("label", "cls") if key in row)]), None)
    columns_found = _Columns(image, label, dict(enumerate(class_names.get(label or "", ()))))
    return (undecoded if _image_file(row[image]) else stream), columns_found


def _has_names(feature: Any) -> bool:
    """Return whether a column is a ClassLabel."""
    return isinstance(getattr(feature, "names", None), list)


def _is_image(value: Any) -> bool:
    """Return whether a cell is a file (bytes and path) or a Pillow image."""
    return (isinstance(value, Mapping) and "bytes" in value) or hasattr(value, "getbands")


def _image_file(value: Any) -> bytes:
    """Return a cell as the bytes of an image file, or b"" if it holds none."""
    if value is None:
        return b""
    if isinstance(value, Mapping):
        return value.get("bytes") or b""
    image = value if value.mode in _PNG_MODES else value.convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _total(stream: Any) -> int:
    """Return the number of rows according to the Hub, or 0 if unknown."""
    try:
        return int(stream.info.splits["train"].num_examples)
    except (AttributeError, KeyError, TypeError):
        return 0


def _write_shard(path: Path, rows: Iterable[Row], columns: _Columns) -> int:
    """Write a tar of the rows' images and classes, and return the number of rows."""
    count = 0
    with tarfile.open(path, "w") as archive:
        for count, row in enumerate(rows, start=1):
            data = _image_file(row[columns.image])  # an empty one is reported later as broken
            _add(archive, f"{count:06d}.{_EXTENSIONS.get(data[:4], 'jpg')}", data)
            text = columns.class_of(row)
            if text is not None:
                _add(archive, f"{count:06d}.cls", text.encode())
    return count


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)  # without date and owner, so that equal rows give equal bytes
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))
