"""Reader of the zip of a hand-in: into memory, within limits, without unpacking or running anything."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ddpm.data.image_source import BrokenImageError, is_decompression_bomb
from ddpm.data.zips import escapes_archive, is_encrypted, member_name, members_overlap, read_member

MOST_FILES = 5000
LARGEST = 512 << 20  # bytes of a whole hand-in when unpacked


class HandInError(Exception):
    """A fault of a zip as a whole; the text says what is wrong and what to do."""


class _DamagedError(Exception):
    """A member of the zip cannot be read; the text is its name."""


def read_hand_in(archive: Path | BinaryIO, size: int) -> list[tuple[str, bytes]]:
    """Return the name and content of every file in the zip `archive` of `size` bytes.

    HandInError if it is no zip, damaged, or not safe to read: too large, a bomb, locked, or with names that
    lead outside of it.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            fault = _safety_fault(members, size)
            if fault is None:
                return [_read(opened, member) for member in members]
    except _DamagedError as error:
        fault = f"is damaged: {error} cannot be read; create the zip again"
    except Exception:  # zipfile raises many kinds for a file that only looks like a zip
        fault = "is not a zip, or is damaged or incomplete; create it again"
    raise HandInError(fault)


def _safety_fault(members: list[zipfile.ZipInfo], size: int) -> str | None:
    """Return why the zip, of `size` bytes, should not be read at all; None if it is safe."""
    if len(members) > MOST_FILES or sum(m.file_size for m in members) > LARGEST:
        return f"holds more than {MOST_FILES} files or {LARGEST >> 20} MiB"
    if members_overlap(members, size):
        return "packs several files into the same bytes"
    for member in members:
        name = _name(member)
        if name == ".":
            return "holds a file without a name"
        if escapes_archive(name):
            return f"names a file outside itself ({name})"
        if is_encrypted(member):
            return f"is locked with a password ({name})"
        if is_decompression_bomb(member.compress_size, member.file_size):
            return f"unpacks {member.compress_size:,} bytes to {member.file_size:,} ({name})"
    return None


def _name(member: zipfile.ZipInfo) -> str:
    """Return a member's name as it will be on disk: `./a.pdf` is `a.pdf`."""
    return PurePosixPath(member_name(member)).as_posix()


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[str, bytes]:
    """Return a member's name and content; _DamagedError with its name if the checksum does not match."""
    name = _name(member)
    try:
        return name, read_member(archive, member)
    except BrokenImageError:
        raise _DamagedError(name) from None
