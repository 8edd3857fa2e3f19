"""Shards of images as webdataset writes them: .tar files, read where they lie; nothing is unpacked to disk.

Beside an image may lie its class, a text under the same name, or under that name up to its first dot:
000042.jpg or 000042.image.jpg, 000042.cls. Files of one name follow one another
(https://github.com/webdataset/webdataset). Where not every image has such a text,
the folder that holds an image is its class, as everywhere.
"""

from __future__ import annotations

import itertools
import tarfile
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self, overload

import numpy as np
from numpy.typing import NDArray

from ddpm.data.folder import fingerprint
from ddpm.data.image_source import (
    ARCHIVE_EXTENSIONS,
    MAX_IMAGE_BYTES,
    BrokenImageError,
    ImageSource,
    is_image_name,
    natural_sort_key,
    printable_name,
)
from ddpm.data.zips import escapes_archive
from ddpm.errors import RequestError

_LONGEST_TEXT = (
    1 << 18
)  # bytes of a name, or of what else a header says of the next; Linux has 4096
_TEXTS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
_MORE_HOLES = 482  # the byte of a sparse file's header that says that its list of holes goes on
_MAGIC = slice(257, 262)  # of a header, in which every tar since 1988 says "ustar"
_LONGEST_CLASS = 256  # bytes; a longer text is no name of a class
_MOST_STEMS = 100  # of one sample: img.1.png to img.1000000.png are none, and need not be in memory


def is_tar(path: Path) -> bool:
    """Is this a tar, by its name or its first header?"""
    if path.suffix.lower() == ".tar":
        return True
    try:
        with path.open("rb") as file:
            return file.read(tarfile.BLOCKSIZE)[_MAGIC] == b"ustar"
    except OSError:
        return False


def tar_source(name: str, root: Path, shards: Sequence[Path]) -> ImageSource:
    """The images in the tars ``shards`` below ``root``, in this order.

    RequestError where one is damaged, cut short or unsafe.
    """
    found = _Found()
    for number, shard in enumerate(shards):
        prefix = f"{printable_name(shard.relative_to(root).as_posix())}/" if len(shards) > 1 else ""
        for sample in _samples(_members(shard)):
            found.add(number, prefix, sample)
    labels, class_names = found.texts.labels()
    if labels is None:
        labels, class_names = found.folders.labels()
    return ImageSource(
        name=name,
        kind="tar",
        names=found.names,
        load=_loader(found, shards),
        fingerprint=fingerprint(root, shards),
        labels=labels,
        class_names=class_names,
        ignored=tuple(found.ignored),
    )


class _Header(tarfile.TarInfo):
    """A header; ReadError where tarfile would read what belongs to it without end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.type in _TEXTS and not 0 <= info.size <= _LONGEST_TEXT:
            raise tarfile.ReadError("a name without end")
        if info.type == tarfile.GNUTYPE_SPARSE and buf[_MORE_HOLES]:
            raise tarfile.ReadError("holes without end")
        return info


class _Member(NamedTuple):
    """A file in a tar."""

    name: str
    offset: int  # of its first byte, in the tar
    size: int
    text: str | None  # what a .cls says


class PackedNames(Sequence[str]):
    """Names in one piece of memory: as many strings would take four times as much."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._ends = array("q", [0])

    def add(self, name: str) -> None:
        """One more."""
        self._text += name.encode()
        self._ends.append(len(self._text))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        place = range(len(self))[index]
        return self._name(place) if isinstance(place, int) else tuple(map(self._name, place))

    def _name(self, place: int) -> str:
        return self._text[self._ends[place] : self._ends[place + 1]].decode()


class _Classes:
    """A class an item, or none, given as text."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # by first appearance
        self._items = array("q")
        self._complete = True

    def add(self, text: str | None) -> None:
        """The next item's."""
        self._complete &= text is not None
        self._items.append(self._numbers.setdefault(text or "", len(self._numbers)))

    def labels(self) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
        """Labels and class names; (None, ()) where an item has no class, or all have the same."""
        if not self._complete or len(self._numbers) < 2:
            return None, ()
        names = sorted(self._numbers, key=natural_sort_key)
        places = np.empty(len(names), np.int64)
        places[[self._numbers[name] for name in names]] = np.arange(len(names))
        return places[np.frombuffer(self._items, np.int64)], tuple(names)


@dataclass
class _Found:
    """The images of all shards, about 50 bytes for each."""

    names: PackedNames = field(default_factory=PackedNames)
    shards: array[int] = field(default_factory=lambda: array("q"))
    offsets: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    texts: _Classes = field(default_factory=_Classes)
    folders: _Classes = field(default_factory=_Classes)
    ignored: list[str] = field(default_factory=list)

    def add(self, shard: int, prefix: str, sample: Sequence[_Member]) -> None:
        """What the files of one sample hold; a class of an image's very name goes before the sample's."""
        texts = {_stem(member): member.text for member in sample if member.text is not None}
        for member in sample:
            if is_image_name(member.name):
                self.names.add(prefix + member.name)
                self.shards.append(shard)
                self.offsets.append(member.offset)
                self.sizes.append(member.size)
                self.texts.add(texts.get(_stem(member), texts.get(_key(member))))
                self.folders.add(f"/{member.name}".split("/")[-2])
            elif member.name.lower().endswith(ARCHIVE_EXTENSIONS):
                self.ignored.append(prefix + member.name)


def _samples(members: Iterator[_Member]) -> Iterator[list[_Member]]:
    """Files of one name up to its first dot, together; of very many so named some after the others."""
    for _, alike in itertools.groupby(members, key=_key):
        stems = (list(files) for _, files in itertools.groupby(alike, key=_stem))
        while some := list(itertools.islice(stems, _MOST_STEMS)):
            yield list(itertools.chain.from_iterable(some))


def _key(member: _Member) -> str:
    """The name up to its first dot, which the files of a sample share."""
    folder, slash, file = member.name.rpartition("/")
    return folder + slash + file.partition(".")[0]


def _stem(member: _Member) -> str:
    """The name without its ending."""
    folder, slash, file = member.name.rpartition("/")
    return folder + slash + (file.rpartition(".")[0] or file)


def _members(path: Path) -> Iterator[_Member]:
    """Every file in a tar, in order; RequestError where the tar is damaged, cut short or unsafe."""
    try:
        with (
            path.open("rb") as file,
            tarfile.open(fileobj=file, mode="r:", tarinfo=_Header) as archive,
        ):
            for info in _headers(archive, path.stat().st_size):
                name = _safe_name(info, path)
                yield _Member(name, info.offset_data, info.size, _class_text(name, info, file))
            file.seek(archive.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # a tar ends with zeros
                raise tarfile.ReadError("no end")
    except RequestError:
        raise
    except Exception as error:  # tarfile raises nearly anything on damaged bytes
        raise RequestError(f"{path} is damaged or cut short; download or copy it again.") from error


def _headers(archive: tarfile.TarFile, length: int) -> Iterator[tarfile.TarInfo]:
    """The header of everything but folders; ReadError where one leads backwards or past the end."""
    last = -1
    while (info := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]  # which would come to hold them all
        if info.offset <= last or not 0 <= info.size <= length - info.offset_data:
            raise tarfile.ReadError("not one after the other")
        last = info.offset
        if not info.isdir():
            yield info


def _safe_name(info: tarfile.TarInfo, path: Path) -> str:
    """A member's name with / between folders; RequestError where it is not to be trusted."""
    name = printable_name(info.name.replace("\\", "/"))
    if escapes_archive(name):
        raise RequestError(
            f"{path} names a file outside itself ({name}) and is not to be trusted; "
            "unpack it yourself and give the folder."
        )
    while name.startswith("./"):  # of `tar cf shard.tar .`
        name = name[2:]
    if is_image_name(name) and (not info.isreg() or info.issparse()):
        raise RequestError(
            f"{path} holds a link or a device in place of an image ({name}) and is not to be trusted; "
            "pack plain files (tar --dereference)."
        )
    return name


def _class_text(name: str, info: tarfile.TarInfo, file: BinaryIO) -> str | None:
    """What a .cls says; None where this is none."""
    if not name.lower().endswith(".cls") or not info.isreg() or info.size > _LONGEST_CLASS:
        return None
    file.seek(info.offset_data)
    return printable_name(file.read(info.size).decode("utf-8", "backslashreplace").strip()) or None


def _loader(found: _Found, shards: Sequence[Path]) -> Callable[[int], bytes]:
    def load(index: int) -> bytes:
        size = found.sizes[index]
        if size > MAX_IMAGE_BYTES:
            raise BrokenImageError(f"is longer than {MAX_IMAGE_BYTES >> 20} MiB")
        try:
            with shards[found.shards[index]].open("rb") as file:
                file.seek(found.offsets[index])
                data = file.read(size)
        except OSError as error:
            raise BrokenImageError(f"cannot be read ({error.strerror or error})") from error
        if len(data) != size:
            raise BrokenImageError("is cut short inside the tar")
        return data

    return load
