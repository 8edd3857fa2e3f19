"""Tar shards of images in webdataset's layout, read in place without unpacking to disk.

The class of an image is the text of a .cls file with the same name, or the same name up to the first dot:
000042.jpg or 000042.image.jpg, and 000042.cls. Files of one sample are adjacent
(https://github.com/webdataset/webdataset). If an image has no such file, the classes are the names of the
images' folders, as in other sources.
"""

from __future__ import annotations

import contextlib
import itertools
import tarfile
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self, overload

import numpy as np
from numpy.typing import NDArray

from ddpm.data.folder import fingerprint
from ddpm.data.image_source import (
    ARCHIVE_EXTENSIONS,
    HEAD_BYTES,
    MAX_IMAGE_BYTES,
    BrokenImageError,
    ImageSource,
    count_other_files,
    is_image,
    is_image_name,
    natural_sort_key,
)
from ddpm.data.label_tables import MAX_LABEL_BYTES, is_label_file
from ddpm.data.zips import escapes_archive
from ddpm.errors import RequestError
from ddpm.terminal import printable_name

_MAX_TEXT = 1 << 18  # bytes of a name or extended header; Linux allows names of 4096
_TEXT_TYPES = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
_MORE_HOLES = 482  # byte of a sparse file's header: nonzero if its list of holes continues
_MAGIC = slice(257, 262)  # bytes of a header, "ustar" in every tar since 1988
_MAX_CLASS = 256  # bytes of a class name
_MAX_STEMS = 100  # per sample; img.1.png to img.1000000.png are not one sample


def is_tar(path: Path) -> bool:
    """Return whether this is a tar, by its name or its first header."""
    if path.suffix.lower() == ".tar":
        return True
    try:
        with path.open("rb") as file:
            return file.read(tarfile.BLOCKSIZE)[_MAGIC] == b"ustar"
    except OSError:
        return False


def tar_source(name: str, root: Path, shards: Sequence[Path]) -> ImageSource:
    """Return the images in the tars `shards` below `root`, in this order.

    Raises RequestError if one is damaged, truncated or unsafe.
    """
    index = _Index()
    for number, shard in enumerate(shards):
        prefix = f"{printable_name(shard.relative_to(root).as_posix())}/" if len(shards) > 1 else ""
        for sample in _samples(_members(shard)):
            index.add(number, prefix, sample)
    labels, class_names = index.texts.labels()
    return ImageSource(
        name=name,
        kind="tar",
        names=index.names,
        load=_loader(index, shards),
        fingerprint=fingerprint(root, shards),
        labels=labels,
        class_names=class_names,
        unopened_archives=tuple(index.unopened_archives),
        label_files={
            name: partial(_read_range, shards[shard], offset, size)
            for name, shard, offset, size in index.label_files
        },
        other_files=dict(index.other_files.most_common()),
    )


class _Header(tarfile.TarInfo):
    """A tar header. Raises ReadError if its extension is too long for tarfile to read safely."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.type in _TEXT_TYPES and not 0 <= info.size <= _MAX_TEXT:
            raise tarfile.ReadError("endless name")
        if info.type == tarfile.GNUTYPE_SPARSE and buf[_MORE_HOLES]:
            raise tarfile.ReadError("endless list of holes")
        return info


class _Member(NamedTuple):
    """A file inside a tar."""

    name: str
    offset: int  # of its first byte in the tar
    size: int
    text: str | None  # content of a .cls file
    is_image: bool


class PackedNames(Sequence[str]):
    """A sequence of names in one buffer, a quarter of the memory of a list of strings."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._ends = array("q", [0])

    def add(self, name: str) -> None:
        """Append a name."""
        self._text += name.encode("utf-8", "surrogateescape")
        self._ends.append(len(self._text))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        position = range(len(self))[index]
        return (
            self._name(position) if isinstance(position, int) else tuple(map(self._name, position))
        )

    def _name(self, position: int) -> str:
        return self._text[self._ends[position] : self._ends[position + 1]].decode(
            "utf-8", "surrogateescape"
        )


class _ClassCollector:
    """Collector of the classes in .cls files of all items, one by one."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # by first appearance
        self._items = array("q")
        self._complete = True

    def add(self, text: str | None) -> None:
        """Append the class of the next item, None if it has none."""
        self._complete &= text is not None
        self._items.append(self._numbers.setdefault(text or "", len(self._numbers)))

    def labels(self) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
        """Return labels and class names, or (None, ()) if an item has no class or all have the same."""
        if not self._complete or len(self._numbers) < 2:
            return None, ()
        names = sorted(self._numbers, key=natural_sort_key)
        ranks = np.empty(len(names), np.int64)
        ranks[[self._numbers[name] for name in names]] = np.arange(len(names))
        return ranks[np.frombuffer(self._items, np.int64)], tuple(names)


@dataclass
class _Index:
    """Index of the images of all shards, about 50 bytes per image."""

    names: PackedNames = field(default_factory=PackedNames)
    shards: array[int] = field(default_factory=lambda: array("q"))
    offsets: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    texts: _ClassCollector = field(default_factory=_ClassCollector)
    label_files: list[tuple[str, int, int, int]] = field(default_factory=list)  # name, place, size
    unopened_archives: list[str] = field(default_factory=list)
    other_files: Counter[str] = field(default_factory=Counter)

    def add(self, shard: int, prefix: str, sample: Sequence[_Member]) -> None:
        """Add the images of one sample. A .cls with the image's full name takes precedence."""
        texts = {_stem(member): member.text for member in sample if member.text is not None}
        for member in sample:
            if member.is_image:
                self.names.add(prefix + member.name)
                self.shards.append(shard)
                self.offsets.append(member.offset)
                self.sizes.append(member.size)
                self.texts.add(texts.get(_stem(member), texts.get(_sample_key(member))))
            elif member.name.lower().endswith(ARCHIVE_EXTENSIONS):
                self.unopened_archives.append(prefix + member.name)
            elif member.text is None:
                self.other_files.update(count_other_files([member.name]))
                if is_label_file(member.name) and member.size <= MAX_LABEL_BYTES:
                    place = (shard, member.offset, member.size)
                    self.label_files.append((prefix + member.name, *place))


def _samples(members: Iterator[_Member]) -> Iterator[list[_Member]]:
    """Group the files whose names agree up to the first dot, in chunks of `_MAX_STEMS` names."""
    for _, sample in itertools.groupby(members, key=_sample_key):
        stems = (list(files) for _, files in itertools.groupby(sample, key=_stem))
        while chunk := list(itertools.islice(stems, _MAX_STEMS)):
            yield list(itertools.chain.from_iterable(chunk))


def _sample_key(member: _Member) -> str:
    """Return the name up to its first dot, which the files of a sample share."""
    folder, slash, file = member.name.rpartition("/")
    return folder + slash + file.partition(".")[0]


def _stem(member: _Member) -> str:
    """Return the name without its extension."""
    folder, slash, file = member.name.rpartition("/")
    return folder + slash + (file.rpartition(".")[0] or file)


def _members(path: Path) -> Iterator[_Member]:
    """Yield every file in a tar. Raises RequestError if the tar is damaged, truncated or unsafe."""
    try:
        with (
            path.open("rb") as file,
            tarfile.open(fileobj=file, mode="r:", tarinfo=_Header) as archive,
        ):
            for info in _headers(archive, path.stat().st_size):
                name = _safe_name(info, path)
                text = _class_text(name, info, file)
                image = info.isreg() and is_image(name, partial(_read_head, info, file))
                yield _Member(name, info.offset_data, info.size, text, image)
            file.seek(archive.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # a tar ends with zeros
                raise tarfile.ReadError("no end marker")
    except RequestError:
        raise
    except Exception as error:  # tarfile raises nearly anything on damaged bytes
        raise RequestError(f"{path} is damaged or truncated. Download or copy it again.") from error


def _headers(archive: tarfile.TarFile, length: int) -> Iterator[tarfile.TarInfo]:
    """Yield all headers except those of folders. Raises ReadError if one leads backwards or past the end."""
    last = -1
    while (info := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]  # tarfile keeps all headers otherwise
        if info.offset <= last or not 0 <= info.size <= length - info.offset_data:
            raise tarfile.ReadError("headers out of order")
        last = info.offset
        if not info.isdir():
            yield info


def _safe_name(info: tarfile.TarInfo, path: Path) -> str:
    """Return a member's name with / between folders. Raises RequestError if it is unsafe."""
    name = printable_name(info.name.replace("\\", "/"))
    if escapes_archive(name):
        raise RequestError(
            f"{path} contains an unsafe path ({name}), which leads outside of it. Unpack it yourself and "
            "pass the folder."
        )
    while name.startswith("./"):  # written by `tar cf shard.tar .`
        name = name[2:]
    if is_image_name(name) and (not info.isreg() or info.issparse()):
        raise RequestError(
            f"{path} contains a link or device in place of an image ({name}). Pack plain files "
            "(tar --dereference)."
        )
    return name


def _class_text(name: str, info: tarfile.TarInfo, file: BinaryIO) -> str | None:
    """Return the content of a .cls file, or None for other files."""
    if not name.lower().endswith(".cls") or not info.isreg() or info.size > _MAX_CLASS:
        return None
    file.seek(info.offset_data)
    return printable_name(file.read(info.size).decode("utf-8", "backslashreplace").strip()) or None


def _read_head(info: tarfile.TarInfo, file: BinaryIO) -> bytes:
    file.seek(info.offset_data)
    return file.read(min(HEAD_BYTES, info.size))


def _read_range(path: Path, offset: int, size: int) -> bytes:
    """Return some bytes of a tar; none if it cannot be read."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(offset)
        return file.read(size)
    return b""


def _loader(images: _Index, shards: Sequence[Path]) -> Callable[[int], bytes]:
    def load(index: int) -> bytes:
        size = images.sizes[index]
        if size > MAX_IMAGE_BYTES:
            raise BrokenImageError(f"is longer than {MAX_IMAGE_BYTES >> 20} MiB")
        try:
            with shards[images.shards[index]].open("rb") as file:
                file.seek(images.offsets[index])
                data = file.read(size)
        except OSError as error:
            raise BrokenImageError(f"cannot be read ({error.strerror or error})") from error
        if len(data) != size:
            raise BrokenImageError("is truncated inside the tar")
        return data

    return load
