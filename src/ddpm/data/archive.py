"""A zip of images, read where it lies: nothing is unpacked to disk."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path

from ddpm.data.folder import fingerprint
from ddpm.data.source import (
    LARGEST_FILE,
    BrokenImageError,
    ImageSource,
    folder_labels,
    is_image_name,
    natural_key,
    printable,
)
from ddpm.errors import RequestError

_PACKED_MOST = 200  # unpacked over packed length: no real picture of some size packs better
_SMALL = 32 << 20  # bytes; whatever the ratio, this much may be unpacked
_ENCRYPTED = 0x1  # bit 0 of a member's flags


def zip_source(name: str, path: Path) -> ImageSource:
    """The images in the zip at ``path``; RequestError where it is damaged, locked or unsafe."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise RequestError(f"{path} is damaged or cut short; download or copy it again.") from error
    members = [(_safe_name(info, path), info) for info in archive.infolist() if not info.is_dir()]
    images = [member for member in members if is_image_name(member[0])]
    images.sort(key=lambda member: natural_key(member[0]))
    labels, class_names = folder_labels([inner for inner, _ in images], name)
    return ImageSource(
        name=name,
        kind="zip",
        names=tuple(inner for inner, _ in images),
        load=lambda index: _read_member(archive, images[index][1]),
        fingerprint=fingerprint(path, [path]),
        labels=labels,
        class_names=class_names,
        ignored=tuple(sorted(inner for inner, _ in members if inner.lower().endswith(".zip"))),
    )


def member_name(info: zipfile.ZipInfo) -> str:
    """A member's name as printable text with / between folders."""
    return printable(info.filename.replace("\\", "/"))


def points_outside(name: str) -> bool:
    """Whether a member's name leads out of the archive's own folder."""
    return name.startswith("/") or bool(re.match(r"[A-Za-z]:", name)) or ".." in name.split("/")


def is_locked(info: zipfile.ZipInfo) -> bool:
    """Whether a member needs a password."""
    return bool(info.flag_bits & _ENCRYPTED)


def is_bomb(info: zipfile.ZipInfo) -> bool:
    """Whether a member says that it unpacks to far more than any honest file does."""
    return info.file_size > max(_SMALL, _PACKED_MOST * info.compress_size)


def _safe_name(info: zipfile.ZipInfo, path: Path) -> str:
    """A member's name with / between folders; RequestError where it points out of the archive."""
    name = member_name(info)
    if points_outside(name):
        raise RequestError(
            f"{path} names a file outside itself ({name}) and is not to be trusted; "
            "unpack it yourself and give the folder."
        )
    if is_locked(info):
        raise RequestError(f"{path} is locked with a password; unpack it and give the folder.")
    return name


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """One member's bytes, never more than the archive says there are."""
    if info.file_size > LARGEST_FILE:
        raise BrokenImageError(f"is longer than {LARGEST_FILE >> 20} MiB")
    if is_bomb(info):
        raise BrokenImageError(
            f"unpacks {info.compress_size:,} bytes to {info.file_size:,}, which no picture does"
        )
    try:
        with archive.open(info) as file:
            return file.read()
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError) as error:
        raise BrokenImageError("is damaged inside the zip") from error
