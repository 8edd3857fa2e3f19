"""Zips of images, read in place without unpacking to disk."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ddpm.data.folder import fingerprint
from ddpm.data.image_source import (
    ARCHIVE_EXTENSIONS,
    HEAD_BYTES,
    MAX_IMAGE_BYTES,
    BrokenImageError,
    ImageSource,
    count_other_files,
    is_decompression_bomb,
    is_image,
    natural_sort_key,
)
from ddpm.data.label_tables import MAX_LABEL_BYTES, is_label_file
from ddpm.errors import RequestError
from ddpm.terminal import printable_name

_ENCRYPTED = 0x1  # bit 0 of a member's flags
# zipfile unpacks these only as far as requested. 200 bytes of bzip2 can hold 256 MiB, unpacked at once.
SAFE_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def zip_source(name: str, path: Path) -> ImageSource:
    """Return the images in the zip at `path`. Raises RequestError if it is damaged, encrypted or unsafe."""
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # zipfile raises nearly anything on damaged bytes
        raise RequestError(f"{path} is damaged or truncated. Download or copy it again.") from error
    if members_overlap(archive.infolist(), path.stat().st_size):
        raise RequestError(
            f"{path} is unsafe: it packs several files into the same bytes. Pass another zip or a folder."
        )
    files = [info for info in archive.infolist() if info.filename and not info.is_dir()]
    members = [(safe_member_name(info, path), info) for info in files]
    images = [
        (inner, info)
        for inner, info in members
        if is_image(inner, lambda info=info: _read_head(archive, info))  # type: ignore[misc]
    ]
    others = {inner for inner, _ in members} - {inner for inner, _ in images}
    images.sort(key=lambda member: natural_sort_key(member[0]))
    return ImageSource(
        name=name,
        kind="zip",
        names=tuple(inner for inner, _ in images),
        load=lambda index: _read_member(archive, images[index][1]),
        fingerprint=fingerprint(path, [path]),
        other_files=count_other_files(sorted(others)),
        label_files={
            inner: partial(_read_label_file, archive, info)
            for inner, info in members
            if is_label_file(inner)
        },
        unopened_archives=tuple(
            sorted(inner for inner, _ in members if inner.lower().endswith(ARCHIVE_EXTENSIONS))
        ),
    )


def member_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name as printable text with / between folders."""
    return printable_name(info.filename.replace("\\", "/"))


def escapes_archive(name: str) -> bool:
    """Return whether a member's name leads out of the archive's folder."""
    return name.startswith("/") or bool(re.match(r"[A-Za-z]:", name)) or ".." in name.split("/")


def is_encrypted(info: zipfile.ZipInfo) -> bool:
    """Return whether a member needs a password."""
    return bool(info.flag_bits & _ENCRYPTED)


def members_overlap(members: Sequence[zipfile.ZipInfo], size: int) -> bool:
    """Return whether the members of a zip of `size` bytes overlap.

    Overlapping members let a few megabytes unpack to petabytes (Fifield 2019, "A better zip bomb").
    """
    return sum(info.compress_size for info in members) > size


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of one member. Raises BrokenImageError if it is damaged.

    At most one byte more than the declared length is unpacked.
    """
    if info.compress_type not in SAFE_COMPRESSIONS:
        raise BrokenImageError("uses an unsupported compression; make an ordinary zip")
    try:
        with archive.open(info) as file:
            data = file.read(info.file_size + 1)
    except MemoryError as error:
        raise BrokenImageError("does not fit into memory") from error
    except Exception as error:  # unpackers raise nearly anything on damaged bytes
        raise BrokenImageError("is damaged inside the zip") from error
    if len(data) != info.file_size:
        raise BrokenImageError("is damaged inside the zip")
    return data


def safe_member_name(info: zipfile.ZipInfo, path: Path) -> str:
    """Return a member's name with / between folders. Raises RequestError if it is unsafe or encrypted."""
    name = member_name(info)
    if escapes_archive(name):
        raise RequestError(
            f"{path} contains an unsafe path ({name}), which leads outside of it. Unpack it yourself and "
            "pass the folder."
        )
    if is_encrypted(info):
        raise RequestError(f"{path} is encrypted with a password. Unpack it and pass the folder.")
    return name


def _read_label_file(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of a file of labels; none if it is damaged or too long for one."""
    if info.file_size > MAX_LABEL_BYTES:
        return b""
    try:
        return read_member(archive, info)
    except BrokenImageError:
        return b""


def _read_head(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the first bytes of a member, or b"" if it is damaged."""
    if info.compress_type not in SAFE_COMPRESSIONS:
        return b""
    try:
        with archive.open(info) as file:
            return file.read(HEAD_BYTES)
    except Exception:  # unpackers raise nearly anything on damaged bytes
        return b""


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of an image member. Raises BrokenImageError if it is too large or damaged."""
    if info.file_size > MAX_IMAGE_BYTES:
        raise BrokenImageError(f"is longer than {MAX_IMAGE_BYTES >> 20} MiB")
    if is_decompression_bomb(info.compress_size, info.file_size):
        raise BrokenImageError(
            f"unpacks {info.compress_size:,} bytes to {info.file_size:,}, which is implausible for an image"
        )
    return read_member(archive, info)
