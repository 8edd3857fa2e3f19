"""The hand-in's names: what a zip must hold, and what is wrong with the names in one."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from ddpm.errors import RequestError

SETS = ("mnist", "anime")  # the two sets of images the course asks for
SIDES = {"mnist": 28, "anime": 64}  # pixels
SOURCE = "source"  # the folder of the code
README = "readme.txt"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_ZIP, _REPORT = "_hw2_2.zip", re.compile(r"report_(.+)\.pdf", re.IGNORECASE)
_NEAR = 0.6  # of difflib's ratio: how like a wrong name must be to the right one


def zip_name(student_id: str) -> str:
    """`0712345_hw2_2.zip`; RequestError for an ID that no file name should hold."""
    if not _ID.fullmatch(student_id):
        raise RequestError(
            f"--student-id {student_id!r} becomes part of file names: use 1 to 32 letters, digits, "
            "_ or -, such as 0712345."
        )
    return student_id + _ZIP


def report_name(student_id: str) -> str:
    return f"report_{student_id}.pdf"


def grid_name(images: str) -> str:
    """Of the 5x5 grid of one of the `SETS`."""
    return f"result_{images}.jpg"


def loss_name(images: str) -> str:
    return f"loss_{images}.jpg"


def top_names(student_id: str) -> tuple[str, ...]:
    """Every file beside the folder `source`."""
    pictures = [name for images in SETS for name in (grid_name(images), loss_name(images))]
    return (report_name(student_id), *pictures, README)


def student_id_of(archive: str, members: Iterable[str]) -> str:
    """The ID in the zip's name, else in the report's; `ID` where neither says one."""
    stem = archive.removesuffix(_ZIP)
    if stem != archive and _ID.fullmatch(stem):
        return stem
    reports = (_REPORT.fullmatch(name) for name in members)
    return next((found[1] for found in reports if found and _ID.fullmatch(found[1])), "ID")


def zip_fault(archive: str, student_id: str) -> str | None:
    """What is wrong with the zip's own name."""
    right = student_id + _ZIP
    return None if archive == right else f"{archive} should be called {right}"


def name_faults(members: Sequence[str], student_id: str) -> list[str]:
    """What is wrong with the names in a zip (files only, / between folders), a sentence each."""
    if wrapper := _wrapper(members, student_id):
        return [
            f"everything lies in the folder {wrapper}: zip what is in it, not the folder itself"
        ]
    twice = [name for name, count in Counter(members).items() if count > 1]
    wanted = {*top_names(student_id), f"{SOURCE}/"}
    found = {_place(name) for name in members}
    missing, extra = wanted - found, found - wanted
    faults = [f"{name} is there more than once" for name in twice]
    for wrong, right in _meant(missing, extra):
        missing.remove(right)
        extra.remove(wrong)
        same = PurePosixPath(wrong).suffix.lower() == PurePosixPath(right).suffix
        faults.append(f"{wrong} should be {'called' if same else 'saved as'} {right}")
    faults += [f"{name} is missing" for name in sorted(missing)]
    return faults + [f"{name} does not belong into the zip" for name in sorted(extra)]


def _place(name: str) -> str:
    """A file's name at the top, or that of the folder at the top which it lies in, with a slash."""
    parts = PurePosixPath(name).parts
    return parts[0] + ("/" if len(parts) > 1 else "")


def _meant(missing: Iterable[str], extra: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs (wrong name, the missing one that it most likely means), the likeliest first."""
    likeness = sorted(
        (
            (difflib.SequenceMatcher(None, wrong.casefold(), right).ratio(), wrong, right)
            for wrong in extra
            for right in missing
        ),
        reverse=True,
    )
    pairs: dict[str, str] = {}
    for ratio, wrong, right in likeness:
        if ratio >= _NEAR and wrong not in pairs and right not in pairs.values():
            pairs[wrong] = right
    return list(pairs.items())


def _wrapper(members: Sequence[str], student_id: str) -> str | None:
    """The one folder around the whole hand-in, where somebody zipped the folder."""
    tops = {PurePosixPath(name).parts[0] for name in members if "__MACOSX" not in name}
    if len(tops) != 1 or SOURCE in tops:
        return None
    top = tops.pop()
    inner = {name.removeprefix(f"{top}/") for name in members}
    return top if len(inner & set(top_names(student_id))) > 1 else None


def pdf_fault(content: bytes) -> str | None:
    """What keeps a file from being a PDF: its header and its trailer (ISO 32000-1, 7.5.2 and 7.5.5)."""
    if b"%PDF-" not in content[:1024]:
        return "is no PDF: it does not begin with %PDF-"
    end = content[-1024:]
    if b"%%EOF" not in end or b"startxref" not in end:
        return "is a PDF that was cut short: its end (startxref … %%EOF) is missing"
    return None
