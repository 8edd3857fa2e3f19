"""Hand-ins that the page asked for: the zip of `ddpm bundle`, its check, and the report inside."""

from __future__ import annotations

import secrets
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddpm.commands.bundle.names import report_name, student_id_of, zip_name
from ddpm.files import write_text
from ddpm.studio.refusals import not_found
from ddpm.studio.trainings import STUDIO_FOLDER

MAX_REPORT = 64 << 20  # bytes of a PDF


@dataclass(frozen=True)
class BundleOrder:
    """A hand-in: the student's id, the targets of runs, and the author's words."""

    student_id: str
    mnist: str
    anime: str
    dcgan: str | None = None
    notes: str | None = None  # Markdown
    language: str = "en"


class Bundles:
    """The hand-ins of one runs folder."""

    def __init__(self, runs: Path) -> None:
        self._folder = runs / STUDIO_FOLDER / "handin"

    def prepare(self, order: BundleOrder) -> tuple[str, list[str]]:
        """Return the id of a hand-in and the words after `ddpm` that write it.

        RequestError for a student id that file names cannot hold.
        """
        zip_name(order.student_id)  # raises
        id = secrets.token_hex(6)
        folder = self._folder / id
        words = ["bundle", f"--student-id={order.student_id}", "--mnist", order.mnist]
        words += ["--anime", order.anime, "--lang", order.language, "--out", str(folder)]
        words += [] if order.dcgan is None else ["--dcgan", order.dcgan]
        folder.mkdir(parents=True)
        if order.notes:
            write_text(folder / "notes.md", order.notes)
            words += ["--notes", str(folder / "notes.md")]
        return id, words

    def check_words(self, id: str) -> list[str]:
        """Return the words after `ddpm` that check the zip of a hand-in."""
        return ["bundle", "--check", str(self._zip(id))]

    def result(self, id: str, findings: list[dict[str, Any]]) -> dict[str, Any]:
        """Return where the zip and the report are, with the findings of the check."""
        has_report = self._report_name(id) is not None
        address = f"/api/bundles/{id}"
        return {
            "zip": f"{address}/zip",
            "report": f"{address}/report.pdf" if has_report else None,
            "findings": findings,
        }

    def zip_file(self, id: str) -> Path:
        """Return the path of the zip. RefusalError (404) if there is none."""
        return self._zip(id)

    def report(self, id: str) -> bytes:
        """Return the PDF inside the zip. RefusalError (404) if there is none."""
        name = self._report_name(id)
        if name is None:
            raise not_found("such report")
        with zipfile.ZipFile(self._zip(id)) as archive:
            content = archive.read(name)
        if not content.startswith(b"%PDF-"):
            raise not_found("such report")
        return content

    def _zip(self, id: str) -> Path:
        paths = sorted((self._folder / id).glob("*.zip")) if id.isalnum() else []
        if not paths:
            raise not_found("such hand-in")
        return paths[0]

    def _report_name(self, id: str) -> str | None:
        path = self._zip(id)
        name = report_name(student_id_of(path.name, []))
        with zipfile.ZipFile(path) as archive:
            found = [info for info in archive.infolist() if info.filename == name]
        return name if found and found[0].file_size <= MAX_REPORT else None


def read_findings(output: str) -> list[dict[str, Any]]:
    """Return the findings that `ddpm bundle --check` printed: a verdict and a sentence a line."""
    rows = []
    for line in output.splitlines():
        verdict = next(
            (word for word in ("ok", "wrong", "not verifiable") if line.startswith(word)), None
        )
        if verdict is not None:
            rows.append(
                {"ok": verdict != "wrong", "verdict": verdict, "sentence": line[14:].strip()}
            )
    return rows
