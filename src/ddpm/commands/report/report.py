"""`ddpm report`: a report of runs and comparisons, as a PDF and in Markdown."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ddpm.commands.options import command_line
from ddpm.commands.report.notes import Notes, read_notes, template
from ddpm.commands.report.pictures import PictureFolder, draw_schedules
from ddpm.commands.report.report_document import TitleBlock, build_document
from ddpm.commands.report.report_inputs import collect_data, open_inputs
from ddpm.commands.report.words.languages import LANGUAGES, Words
from ddpm.commands.verb_function import takes_fields
from ddpm.config import load_config, unknown_name_error
from ddpm.documents import typefaces
from ddpm.documents.document import Document, shown_pictures, texts
from ddpm.documents.markdown import to_markdown
from ddpm.documents.typst_markup import to_typst
from ddpm.documents.typst_pdf import compile_pdf, families_of, load_typst
from ddpm.errors import RequestError
from ddpm.files import (
    atomic_file,
    atomic_folder,
    check_writable,
    is_temporary,
    real_path,
    write_text,
)
from ddpm.terminal import print_line

NOTES = "notes.md"  # beside the report
_MAX_NAMED = 20  # characters without a glyph that a warning names at most


@dataclass(frozen=True)
class ReportRequest:
    """The runs and comparisons of a report, its language, and where it is written."""

    targets: Sequence[str]  # run folders, or names below runs/
    comparisons: Sequence[Path] = ()
    out: Path = Path("report.pdf")  # .md: Markdown only
    notes: Path | None = None  # the author's passages; None: notes.md beside the report
    language: str = "en"
    font: Path | None = None
    title: str = ""
    author: str = ""
    student_id: str = ""
    device: str = "auto"
    command: str = ""  # printed in the report; "": the command of this request

    @property
    def front(self) -> TitleBlock:
        return TitleBlock(self.title, self.author, self.student_id)

    @property
    def markdown(self) -> Path:
        return self.out.with_suffix(".md")

    @property
    def pictures(self) -> Path:
        """The folder of pictures that the PDF and the Markdown file show."""
        return self.out.with_name(f"{self.out.stem}-figures")

    @property
    def notes_file(self) -> Path:
        return self.notes or self.out.with_name(NOTES)


@takes_fields(ReportRequest)
def write_report(request: ReportRequest) -> list[Path]:
    """Write a report about runs as PDF and Markdown, or Markdown alone; return the paths written.

    A template for the author's passages is written if `notes` does not exist. RequestError: no such run, or
    no typst for a PDF.

    >>> [path.name for path in ddpm.report(["runs/digits"], out=Path("report.md"))]
    ['report.md', 'report-figures']
    """
    if not (request.targets or request.comparisons):
        raise RequestError("A report needs at least one run, such as runs/mnist, or a comparison.")
    _check(request)
    inputs = open_inputs(request.targets, request.comparisons)
    own_characters = typefaces.characters_of(request.font) if request.font else frozenset()
    notes = _read_notes(request.notes_file)
    with tempfile.TemporaryDirectory(prefix="ddpm-report-") as scratch:
        pictures = Path(scratch) / request.pictures.name
        pictures.mkdir()
        report, uncompared = collect_data(
            inputs,
            pictures,
            request.language,
            request.command or command_line("report", request),
            request.device,
        )
        schedule = draw_schedules(PictureFolder(pictures), list(map(load_config, inputs.configs)))
        document = build_document(
            report, request.front, notes, schedule=schedule, uncompared=uncompared
        )
        written = [request.markdown]
        if request.out.suffix == ".pdf":
            missing = typefaces.without_glyph(texts(document), own_characters)
            pdf = _pdf(request, document, pictures, bool(missing))
            _warn_of_missing(missing)
            with atomic_file(request.out) as temporary:
                temporary.write_bytes(pdf)
            written.insert(0, request.out)
        _save_pictures(pictures, request.pictures, shown_pictures(document))
    write_text(request.markdown, to_markdown(document))
    _write_template(request)
    return [*written, request.pictures]


def _check(request: ReportRequest) -> None:
    """Raise RequestError for a request that cannot be fulfilled, before anything is drawn."""
    if request.language not in LANGUAGES:
        raise unknown_name_error("language", request.language, LANGUAGES)
    if request.out.suffix not in (".pdf", ".md"):
        raise RequestError(f"{request.out} should end in .pdf, or in .md for Markdown only.")
    if request.out.suffix == ".pdf":
        load_typst()
        check_writable(request.out)
    check_writable(request.markdown)
    for place in (request.out, request.markdown):
        if _same_file(place, request.notes_file):
            raise RequestError(
                f"The report would overwrite your own passages in {request.notes_file}; choose another "
                "name with --out or --notes."
            )
    folder = request.pictures
    if folder.exists() and not _holds_pictures_only(folder):
        raise RequestError(
            f"{folder} holds other files, but the pictures are written there; choose another name with "
            "--out."
        )


def _same_file(one: Path, other: Path) -> bool:
    """Return whether two paths name one file, also through a link or on a case-insensitive disk."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return real_path(one) == real_path(other)


def _holds_pictures_only(folder: Path) -> bool:
    return folder.is_dir() and all(
        path.suffix == ".png" or is_temporary(path) for path in folder.iterdir()
    )


def _read_notes(path: Path) -> Notes:
    """Return the author's passages; none if there is no such file."""
    if not path.exists():
        check_writable(path)
        return Notes()
    try:
        return read_notes(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} cannot be read ({error}); save it as UTF-8 text.") from error
    except RequestError as error:
        raise RequestError(f"{path} {error}.") from error


def _write_template(request: ReportRequest) -> None:
    """Write a template for the author's passages if there is no such file."""
    path = request.notes_file
    if not path.exists():
        write_text(path, template(Words(request.language)))
        print_line(
            f"{path} is a new template: write your own passages into it and run the command again."
        )


def _pdf(request: ReportRequest, document: Document, pictures: Path, system_fonts: bool) -> bytes:
    """Return the PDF; `system_fonts` lets it use fonts of this machine for missing characters."""
    families = families_of(request.font) if request.font else []
    markup = to_typst(document, typefaces.faces(families))
    return compile_pdf(markup, pictures, font=request.font, system_fonts=system_fonts)


def _warn_of_missing(missing: Sequence[str]) -> None:
    """Print a warning that names the characters which no font has."""
    available = typefaces.in_system_fonts(missing)
    uncovered = [character for character in missing if character not in available]
    if uncovered:
        named = ", ".join(f"{c} (U+{ord(c):04X})" for c in uncovered[:_MAX_NAMED])
        more = f" and {len(uncovered) - _MAX_NAMED} more" if len(uncovered) > _MAX_NAMED else ""
        print_line(f"warning: no font has {named}{more}; pass a font that does with --font FILE.")


def _save_pictures(pictures: Path, place: Path, shown: Sequence[str]) -> None:
    """Replace the folder `place` as a whole by one with the pictures that the document shows."""
    with atomic_folder(place) as temporary:
        for name in sorted({Path(path).name for path in shown}):
            (temporary / name).write_bytes((pictures / name).read_bytes())
