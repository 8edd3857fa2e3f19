"""File names of the hand-in: those a zip must hold, and the faults of those it holds."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from ddpm.errors import RequestError

SETS = ("mnist", "anime")  # the two data sets of the course
SIDES = {"mnist": 28, "anime": 64}  # pixels
SOURCE = "source"  # the folder of the code
README = "readme.txt"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_ZIP, _REPORT = "_hw2_2.zip", re.compile(r"report_(.+)\.pdf", re.IGNORECASE)
_MIN_LIKENESS = 0.6  # difflib's ratio above which a wrong name is taken for a misspelled one


def zip_name(student_id: str) -> str:
    """Return `0712345_hw2_2.zip`; RequestError for an ID that is unsafe in a file name."""
    if not _ID.fullmatch(student_id):
        raise RequestError(
            f"--student-id {student_id!r} becomes part of file names: use 1 to 32 letters, digits, "
            "_ or -, such as 0712345."
        )
    return student_id + _ZIP


def report_name(student_id: str) -> str:
    return f"report_{student_id}.pdf"


def grid_name(images: str) -> str:
    """Return the name of the 5x5 grid of one of the `SETS`."""
    return f"result_{images}.jpg"


def loss_name(images: str) -> str:
    return f"loss_{images}.jpg"


def top_names(student_id: str) -> tuple[str, ...]:
    """Return the names of all files beside the folder `source`."""
    pictures = [name for images in SETS for name in (grid_name(images), loss_name(images))]
    return (report_name(student_id), *pictures, README)


def student_id_of(archive: str, members: Iterable[str]) -> str:
    """Return the ID in the zip's name, else in the report's; `ID` if neither has one."""
    stem = archive.removesuffix(_ZIP)
    if stem != archive and _ID.fullmatch(stem):
        return stem
    reports = (_REPORT.fullmatch(name) for name in members)
    return next((found[1] for found in reports if found and _ID.fullmatch(found[1])), "ID")


def zip_fault(archive: str, student_id: str) -> str | None:
    """Return the fault of the zip's own name, or None."""
    right = student_id + _ZIP
    return None if archive == right else f"{archive} is misnamed; rename it to {right}"


def name_faults(members: Sequence[str], student_id: str) -> list[str]:
    """Return the faults of the names in a zip (files only, / between folders), each with its fix."""
    if wrapper := _wrapper(members, student_id):
        return [f"all files are in the folder {wrapper}; zip its contents, not the folder itself"]
    repeated = [name for name, count in Counter(members).items() if count > 1]
    wanted = {*top_names(student_id), f"{SOURCE}/"}
    found = {_place(name) for name in members}
    missing, extra = wanted - found, found - wanted
    faults = [f"{name} occurs more than once; keep one" for name in repeated]
    for wrong, right in _misspelled(missing, extra):
        missing.remove(right)
        extra.remove(wrong)
        same = PurePosixPath(wrong).suffix.lower() == PurePosixPath(right).suffix
        fault = (
            f"is misnamed; rename it to {right}"
            if same
            else f"has another format; save it as {right}"
        )
        faults.append(f"{wrong} {fault}")
    faults += [f"{name} is missing; add it" for name in sorted(missing)]
    return faults + [f"{name} is not part of the hand-in; remove it" for name in sorted(extra)]


def _place(name: str) -> str:
    """Return a file's name if it is at the top, else its topmost folder with a slash."""
    parts = PurePosixPath(name).parts
    return parts[0] + ("/" if len(parts) > 1 else "")


def _misspelled(missing: Iterable[str], extra: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs (wrong name, missing name that it probably stands for), the most likely first."""
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
        if ratio >= _MIN_LIKENESS and wrong not in pairs and right not in pairs.values():
            pairs[wrong] = right
    return list(pairs.items())


def _wrapper(members: Sequence[str], student_id: str) -> str | None:
    """Return the folder around the whole hand-in if the folder itself was zipped, else None."""
    tops = {PurePosixPath(name).parts[0] for name in members if "__MACOSX" not in name}
    if len(tops) != 1 or SOURCE in tops:
        return None
    top = tops.pop()
    inner = {name.removeprefix(f"{top}/") for name in members}
    return top if len(inner & set(top_names(student_id))) > 1 else None


def pdf_fault(content: bytes) -> str | None:
    """Return why a file is not a complete PDF by header and trailer (ISO 32000-1, 7.5.2, 7.5.5), or None."""
    if b"%PDF-" not in content[:1024]:
        return "is not a PDF: it does not begin with %PDF-"
    end = content[-1024:]
    if b"%%EOF" not in end or b"startxref" not in end:
        return "is an incomplete PDF: its end (startxref … %%EOF) is missing"
    return None
