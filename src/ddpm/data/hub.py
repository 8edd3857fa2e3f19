"""Sets of images at the Hugging Face Hub, named hf:OWNER/NAME.

The training split is streamed once, image files as they are, into tar shards in the cache; from then
on it is a set like any other and needs no network. A whole shard is kept where the stream breaks off,
and the next try goes on after it. The package `datasets` is imported only when something has to be fetched.
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

from ddpm.data.threads import Progress
from ddpm.errors import RequestError, WorkError
from ddpm.files import remove_temporary, replacing

_NAME = re.compile(r"hf:\w[\w.-]*/\w[\w.-]*", re.ASCII)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_SHARD = 2000  # rows
_ENDINGS = {b"\x89PNG": "png", b"RIFF": "webp", b"GIF8": "gif"}  # by how a file begins; else a JPEG
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16")

Row = Mapping[str, Any]


def is_hub_name(text: str) -> bool:
    """Is this hf:OWNER/NAME?"""
    return _NAME.fullmatch(text) is not None and ".." not in text


def shard_folder(name: str, cache_dir: Path) -> Path:
    """Where the set hf:OWNER/NAME lies once it is here."""
    return cache_dir / "hub-shards" / name.removeprefix("hf:")


def fetch_from_hub(name: str, cache_dir: Path, progress: Progress | None = None) -> Path:
    """The folder of the set's shards, streamed there unless it is whole already.

    RequestError where `datasets` is not installed or the set holds no images, WorkError where the
    stream breaks off.
    """
    folder = shard_folder(name, cache_dir)
    if folder.exists():
        return folder
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise RequestError(
            f"{name} needs the package datasets: run pip install 'ddpm-studio[hub]'."
        ) from error
    part = folder.with_name(f".{folder.name}.part")
    try:
        stream = load_dataset(name.removeprefix("hf:"), split="train", streaming=True)
        _stream(stream, name, part, progress)
        remove_temporary(part)
        part.replace(folder)  # under its own name it is whole
    except RequestError:
        raise
    except Exception as error:  # whatever a foreign library, the network and the disk come up with
        if not folder.exists():  # else another process was quicker, and took the part from under it
            raise _failure(error, name, cache_dir) from error
    shutil.rmtree(part, ignore_errors=True)  # what a slower process began anew
    return folder


def _failure(error: Exception, name: str, cache_dir: Path) -> WorkError:
    """What kept a set from being fetched, with the mend."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return WorkError(
            f"{cache_dir} cannot be written ({error.strerror}): make room there or let DDPM_CACHE_DIR "
            "name another folder; what has arrived is kept."
        )
    mend = "run the command again when online; what has arrived is kept."
    if isinstance(error, (ValueError, FileNotFoundError)):  # no such set, or no split `train`
        mend = "look at its page there, or give another set."
    return WorkError(f"{name} could not be fetched from the Hub ({reason}): {mend}")


def _shard(part: Path, number: int) -> Path:
    return part / f"{number:06d}.tar"


def _stream(stream: Any, name: str, part: Path, progress: Progress | None) -> None:
    """Bring the rest of the rows into shards in ``part``; all but the last shard hold ``_SHARD`` rows."""
    stream, columns = _as_files(stream, name)
    # not every *.tar: the one that a killed process was writing ends in .tar, too
    whole = next(number for number in itertools.count() if not _shard(part, number).exists())
    rest = iter(stream.skip(whole * _SHARD) if whole else stream)
    rows = _told(rest, whole * _SHARD, _total(stream), progress)
    for number in itertools.count(whole):
        with replacing(_shard(part, number)) as temporary:
            count = _write_shard(temporary, itertools.islice(rows, _SHARD), columns)
        if count < _SHARD:
            return


def _told(rows: Iterable[Row], done: int, total: int, progress: Progress | None) -> Iterator[Row]:
    """The rows, with progress said as they come by, after `done` of them."""
    for count, row in enumerate(rows, start=done + 1):
        yield row
        if progress is not None:
            progress(count, max(count, total))


@dataclass(frozen=True)
class _Columns:
    """Where a row keeps its image and its class."""

    image: str
    label: str | None
    names: Mapping[int, str]  # of the classes, where they have any

    def class_of(self, row: Row) -> str | None:
        """The class as text; None where the row has none (-1 at the Hub)."""
        value = row.get(self.label) if self.label else None
        return None if value is None or value == -1 else self.names.get(value, str(value))


def _as_files(stream: Any, name: str) -> tuple[Any, _Columns]:
    """A stream whose rows hold image files as they are where it has them, and where in a row."""
    features = stream.features or {}
    plain = stream.decode(False) if features else stream
    row: Row = next(iter(plain), {})
    image = next((key for key, value in row.items() if _is_image(value)), None)
    if image is None:
        columns = ", ".join(row) or "none"
        raise RequestError(
            f"{name} has no images in its first row (columns: {columns}); give another set."
        )
    named = {key: feature.names for key, feature in features.items() if _has_names(feature)}
    label = next(iter([*named, *(key for key in ("label", "cls") if key in row)]), None)
    columns_found = _Columns(image, label, dict(enumerate(named.get(label or "", ()))))
    return (plain if _file(row[image]) else stream), columns_found


def _has_names(feature: Any) -> bool:
    """Whether a column's feature is a ClassLabel."""
    return isinstance(getattr(feature, "names", None), list)


def _is_image(value: Any) -> bool:
    """Is a cell a file's bytes and path, or an image of Pillow?"""
    return (isinstance(value, Mapping) and "bytes" in value) or hasattr(value, "getbands")


def _file(value: Any) -> bytes:
    """A cell as an image file, b"" where it holds none."""
    if value is None:
        return b""
    if isinstance(value, Mapping):
        return value.get("bytes") or b""
    image = value if value.mode in _PNG_MODES else value.convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _total(stream: Any) -> int:
    """How many rows the Hub says there are, 0 where it does not say."""
    try:
        return int(stream.info.splits["train"].num_examples)
    except (AttributeError, KeyError, TypeError):
        return 0


def _write_shard(path: Path, rows: Iterable[Row], columns: _Columns) -> int:
    """Write a tar of the rows' images and classes; how many rows there were."""
    count = 0
    with tarfile.open(path, "w") as archive:
        for count, row in enumerate(rows, start=1):
            data = _file(row[columns.image])  # an empty file is told of later, as any broken one
            _add(archive, f"{count:06d}.{_ENDINGS.get(data[:4], 'jpg')}", data)
            text = columns.class_of(row)
            if text is not None:
                _add(archive, f"{count:06d}.cls", text.encode())
    return count


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)  # of no date and nobody: the same rows make the same bytes
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))
