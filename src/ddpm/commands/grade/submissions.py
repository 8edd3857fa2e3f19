"""The hand-ins below the given paths, and their files, read into memory within limits."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ddpm.commands.bundle import (
    LARGEST,
    MOST_FILES,
    README,
    SETS,
    HandInError,
    grid_name,
    read_hand_in,
    student_id_of,
    zip_name,
)
from ddpm.data.image_source import BrokenImageError, is_decompression_bomb
from ddpm.data.zips import read_member
from ddpm.errors import RequestError
from ddpm.terminal import printable_name

Files = list[tuple[str, bytes]]
NO_ID = "ID"  # of a hand-in without a student's ID
_ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".tgz", ".gz", ".xz", ".bz2")
_MARKS = (README, *map(grid_name, SETS))  # a folder that holds one of these is a hand-in
_READ_AT_ONCE = 1 << 20  # bytes


@dataclass(frozen=True)
class Submission:
    """One hand-in: a zip, a folder, or a zip inside a zip that a learning platform wrote."""

    name: str  # printable, unique in the class
    path: Path
    member: str = ""  # of the platform's zip

    def archive_name(self, files: Files) -> str:
        """Return the name of the zip; for an unpacked folder the one that it should have had."""
        if self.path.is_dir():
            names = dict(files)
            found = student_id_of("", names)  # of the report
            own = student_id_of(zip_name_of(self.path.name), names)
            return zip_name(own if found == NO_ID else found)
        return PurePosixPath(self.member or self.path.name).name


def zip_name_of(folder: str) -> str:
    """Return the name that the zip of an unpacked folder probably had; its own name if it has such an end."""
    end = zip_name(NO_ID).removeprefix(NO_ID)
    return f"{folder.removesuffix(end.removesuffix('.zip'))}{end}"


def find_submissions(targets: Sequence[str]) -> list[Submission]:
    """Return every hand-in, sorted by name; RequestError if a path does not exist or holds none."""
    found: dict[str, Submission] = {}
    for target in targets:
        path = Path(target)
        if not path.exists():
            raise RequestError(f"There is no {target}; pass a zip, or a folder of hand-ins.")
        submissions = list(_below(path, path.parent if path.is_file() else path))
        if not submissions:
            raise RequestError(
                f"{target} holds no hand-in: no zip, and no folder with {README} or {grid_name(SETS[0])}."
            )
        for submission in submissions:
            found.setdefault(_free_name(submission, found), submission)
    return [
        Submission(name, each.path, each.member)
        for name, each in sorted(found.items(), key=lambda item: item[0].casefold())
    ]


def _free_name(submission: Submission, taken: dict[str, Submission]) -> str:
    name, count = submission.name, 2
    while name in taken and taken[name] != submission:
        name, count = f"{submission.name} ({count})", count + 1
    return name


def _below(path: Path, root: Path) -> Iterator[Submission]:
    """Yield the hand-ins at or below a path. Links are not followed."""
    name = printable_name(path.relative_to(root).as_posix() if path != root else path.name)
    if path.is_file():
        if path.suffix.lower() == ".zip":
            yield from _inner(path, name)
        elif path.suffix.lower() in _ARCHIVES:
            yield Submission(name, path)
    elif path.is_dir() and not (path.is_symlink() and path != root):
        if any((path / mark).is_file() for mark in _MARKS):
            yield Submission(name, path)
            return
        for child in sorted(path.iterdir()):
            if not child.name.startswith((".", "__MACOSX")) and not child.is_symlink():
                yield from _below(child, root)


def _inner(path: Path, name: str) -> Iterator[Submission]:
    """Yield a zip, or the zips inside it if it is the download of a whole class."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [member.filename for member in archive.infolist() if not member.is_dir()]
    except Exception:  # read again later, where the fault becomes a line of its own
        names = []
    zips = [member for member in names if member.lower().endswith(".zip")]
    if zips and not any(PurePosixPath(member).name in _MARKS for member in names):
        for member in zips:
            yield Submission(printable_name(f"{name}/{member}"), path, member)
    else:
        yield Submission(name, path)


def read_files(submission: Submission) -> Files:
    """Return name and content of every file; HandInError, with the reason, if they are not safe to read."""
    try:
        if submission.path.is_dir():
            return _read_folder(submission.path)
        if submission.member:
            content = _read_inner(submission)
            return read_hand_in(io.BytesIO(content), len(content))
        return read_hand_in(submission.path, submission.path.stat().st_size)
    except OSError as error:
        raise HandInError(f"cannot be read ({error.strerror or error})") from error


def _read_folder(folder: Path) -> Files:
    paths = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink()]
    if len(paths) > MOST_FILES or sum(path.stat().st_size for path in paths) > LARGEST:
        raise HandInError(f"holds more than {MOST_FILES} files or {LARGEST >> 20} MiB")
    return [(printable_name(p.relative_to(folder).as_posix()), p.read_bytes()) for p in paths]


def _read_inner(submission: Submission) -> bytes:
    """Return the bytes of a zip inside a zip."""
    try:
        with zipfile.ZipFile(submission.path) as archive:
            member = archive.getinfo(submission.member)
            if member.file_size > LARGEST or is_decompression_bomb(
                member.compress_size, member.file_size
            ):
                raise HandInError(f"unpacks to {member.file_size:,} bytes")
            return read_member(archive, member)
    except (BrokenImageError, KeyError, zipfile.BadZipFile) as error:
        raise HandInError("is damaged inside the zip of the class; download it again") from error


def content_key(submission: Submission) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of a hand-in's bytes: equal hand-ins have equal keys."""
    digest = hashlib.sha256()
    if submission.path.is_dir():
        for path in sorted(submission.path.rglob("*")):
            if path.is_file() and not path.is_symlink():
                digest.update(
                    path.relative_to(submission.path).as_posix().encode("utf-8", "replace")
                )
                _add(digest, path)
    elif submission.member:
        try:
            digest.update(_read_inner(submission))
        except HandInError as error:
            digest.update(f"{submission.name} {error}".encode())
    else:
        _add(digest, submission.path)
    return digest.hexdigest()[:16]


def _add(digest: hashlib._Hash, path: Path) -> None:
    """Add the bytes of a file to a digest, a megabyte at a time."""
    try:
        with path.open("rb") as file:
            while part := file.read(_READ_AT_ONCE):
                digest.update(part)
    except OSError:
        digest.update(b"cannot be read")
