"""`ddpm grade`: examine every hand-in once, compare them, and write the table, the page and the ledger."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ddpm.commands.bundle import SIDES
from ddpm.commands.grade.class_page import class_page
from ddpm.commands.grade.class_table import class_table
from ddpm.commands.grade.examination import FORMAT, Examiner, Record
from ddpm.commands.grade.given_material import read_given
from ddpm.commands.grade.grid_scores import GridScorer
from ddpm.commands.grade.handed_weights import bundled_hashes
from ddpm.commands.grade.ledger import ledger_row, read_ledger, write_ledger
from ddpm.commands.grade.own_code import README_TEXT, write_code
from ddpm.commands.grade.resemblances import resemblances, weights_of
from ddpm.commands.grade.submissions import Submission, content_key, find_submissions
from ddpm.commands.verb_function import takes_fields
from ddpm.errors import RequestError
from ddpm.files import check_writable, read_json, real_path, write_json, write_text
from ddpm.terminal import print_line

TABLE, PAGE, RECORDS, CODE = "grades.csv", "grades.html", "records", "code"


@dataclass(frozen=True)
class GradeRequest:
    """The hand-ins of a class, what they are compared with, and where the results are written."""

    targets: Sequence[str]  # folders of hand-ins, or zips
    out: Path = Path("grading")
    ledger: Path | None = None  # hashes of earlier classes; this class is added
    term: str = ""  # name of the class in the ledger; "": the first target's name
    known: Sequence[Path] = ()  # the sample code and other material that everybody was given
    mnist_data: str = "mnist"  # real images to measure against, by name or path
    anime_data: str = "anime"
    device: str = "auto"

    @property
    def class_name(self) -> str:
        return self.term or real_path(Path(self.targets[0])).stem

    @property
    def settings(self) -> dict[str, object]:
        """Return the settings that a record depends on besides the hand-in itself."""
        known = [f"{path} {path.stat().st_mtime_ns}" for path in self.known if path.exists()]
        return {"mnist": self.mnist_data, "anime": self.anime_data, "known": known}


@takes_fields(GradeRequest)
def grade(request: GradeRequest) -> list[Path]:
    """Examine every hand-in of a class and return the paths of the table and the page.

    Records are kept in `out`, so that the same call goes on where it was stopped. RequestError: no hand-in, a
    ledger that is none, or a place that cannot be written.

    >>> [path.name for path in ddpm.grade(["hand-ins"], out=Path("grading"))]
    ['grades.csv', 'grades.html']
    """
    _check_place(request)
    submissions = find_submissions(request.targets)
    earlier = [] if request.ledger is None else read_ledger(request.ledger)
    table, page = request.out / TABLE, request.out / PAGE
    for path in (table, page, *([request.ledger] if request.ledger else [])):
        check_writable(path)
    known_code, given = read_given(request.known)
    _make_folders(request.out)
    records = _examine_all(request, submissions, known_code)
    others = [row for row in earlier if row["term"] != request.class_name]
    bundled = bundled_hashes() if any(map(weights_of, records)) else {}
    found = resemblances(records, [*others, *given], bundled)
    write_text(request.out / CODE / "README.txt", README_TEXT)
    write_text(table, class_table(records, found))
    write_text(page, class_page(request.class_name, records, found))
    if request.ledger is not None:
        own = [ledger_row(record, request.class_name) for record in records]
        write_ledger(request.ledger, earlier, own, request.class_name)
    return [table, page]


def _examine_all(
    request: GradeRequest, submissions: Sequence[Submission], known_code: frozenset[str]
) -> list[Record]:
    """Return a record for each hand-in; those that were examined before are read."""
    scorers = {
        "mnist": GridScorer(
            request.mnist_data, (1, SIDES["mnist"], SIDES["mnist"]), request.device
        ),
        "anime": GridScorer(
            request.anime_data, (3, SIDES["anime"], SIDES["anime"]), request.device
        ),
    }
    examiner = Examiner(scorers, known_code, request.device)
    records = []
    for number, submission in enumerate(submissions, 1):
        key = content_key(submission)
        path = request.out / RECORDS / f"{key}.json"
        record = _read_record(path, request.settings)
        if record is None:
            print_line(f"{number} of {len(submissions)}: {submission.name}")
            record = examiner.examine(submission, key)
            if key in examiner.codes:
                write_code(request.out / CODE / key, examiner.codes.pop(key))
            write_json(path, record | {"settings": request.settings})
        records.append(record | {"name": submission.name})
    return records


def _read_record(path: Path, settings: dict[str, object]) -> Record | None:
    """Return the record of an earlier call with the same settings; None if there is none."""
    try:
        record: Record = read_json(path)
        same = json.loads(json.dumps(settings)) == record["settings"]
        return record if same and record["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _make_folders(out: Path) -> None:
    """Create the folders of the results. RequestError: they cannot be written."""
    try:
        for folder in (out / RECORDS, out / CODE):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        raise RequestError(
            f"The folder {out} cannot be written ({error.strerror}). Choose another one with --out."
        ) from error


def _check_place(request: GradeRequest) -> None:
    """Raise RequestError if the results would be written among the hand-ins, and be taken for one."""
    out = real_path(request.out)
    for target in request.targets:
        folder = real_path(Path(target))
        if folder.is_dir() and (out == folder or folder in out.parents):
            raise RequestError(
                f"{request.out} lies inside {target}; choose a folder outside of it with --out."
            )
