"""`ddpm report`: run folders and comparisons become a PDF, and the same in Markdown."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ddpm.commands.options import command_line
from ddpm.commands.report.compose import Front, compose
from ddpm.commands.report.gather import gather, open_subjects
from ddpm.commands.report.notes import Notes, read_notes, template
from ddpm.commands.report.pictures import Album, draw_schedules
from ddpm.commands.report.words.languages import LANGUAGES, Words
from ddpm.commands.verb_function import takes_fields
from ddpm.config import load_config, unknown_name_error
from ddpm.documents import typefaces
from ddpm.documents.document import Document, texts
from ddpm.documents.markdown import to_markdown
from ddpm.documents.typst_markup import to_typst
from ddpm.documents.typst_pdf import compile_pdf, families_of, load_typst
from ddpm.errors import RequestError
from ddpm.files import check_writable, is_temporary, replacing, replacing_folder, write_text
from ddpm.terminal import say

NOTES = "notes.md"  # beside the report
_SHOWN = 20  # characters without a glyph that are named


@dataclass(frozen=True)
class ReportRequest:
    """Which runs and comparisons, in which language, and where the report goes."""

    targets: Sequence[str]
    comparisons: Sequence[Path] = ()
    out: Path = Path("report.pdf")  # .md: Markdown alone
    notes: Path | None = None  # the author's words; None: notes.md beside the report
    language: str = "en"
    font: Path | None = None
    title: str = ""
    author: str = ""
    student_id: str = ""
    device: str = "auto"
    command: str = ""  # printed in the report; "": the command of this request

    @property
    def front(self) -> Front:
        return Front(self.title, self.author, self.student_id)

    @property
    def markdown(self) -> Path:
        return self.out.with_suffix(".md")

    @property
    def pictures(self) -> Path:
        """The folder that both show pictures from."""
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
    _check(request)
    subjects = open_subjects(request.targets, request.comparisons)
    own = typefaces.characters_of(request.font) if request.font else frozenset()
    notes = _notes(request.notes_file)
    with tempfile.TemporaryDirectory(prefix="ddpm-report-") as scratch:
        pictures = Path(scratch) / request.pictures.name
        pictures.mkdir()
        material, uncompared = gather(
            subjects,
            pictures,
            request.language,
            request.command or command_line("report", request),
            request.device,
        )
        schedule = draw_schedules(Album(pictures), list(map(load_config, subjects.configs)))
        document = compose(material, request.front, notes, schedule=schedule, uncompared=uncompared)
        written = [request.markdown]
        if request.out.suffix == ".pdf":
            missing = typefaces.without_glyph(texts(document), own)
            pdf = _pdf(request, document, pictures, bool(missing))
            _name_missing(missing)
            with replacing(request.out) as temporary:
                temporary.write_bytes(pdf)
            written.insert(0, request.out)
        _keep(pictures, request.pictures)
    write_text(request.markdown, to_markdown(document))
    _leave_template(request)
    return [*written, request.pictures]


def _check(request: ReportRequest) -> None:
    """RequestError for what cannot be done, before anything is drawn."""
    if request.language not in LANGUAGES:
        raise unknown_name_error("language", request.language, LANGUAGES)
    if request.out.suffix not in (".pdf", ".md"):
        raise RequestError(f"{request.out} should end in .pdf, or in .md for Markdown alone.")
    if request.out.suffix == ".pdf":
        load_typst()
        check_writable(request.out)
    check_writable(request.markdown)
    for place in (request.out, request.markdown):
        if _same_file(place, request.notes_file):
            raise RequestError(
                f"The report would be written over your own passages in {request.notes_file}; choose "
                "another name with --out, or with --notes."
            )
    folder = request.pictures
    if folder.exists() and not _is_album(folder):
        raise RequestError(
            f"{folder} holds other files; the pictures go there, so choose another name with --out."
        )


def _same_file(one: Path, other: Path) -> bool:
    """Also where a link, or a disk that knows no capitals, gives a file two names."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


def _is_album(folder: Path) -> bool:
    return folder.is_dir() and all(
        path.suffix == ".png" or is_temporary(path) for path in folder.iterdir()
    )


def _notes(path: Path) -> Notes:
    """Return the author's passages; none if there is no such file."""
    if not path.exists():
        check_writable(path)
        return Notes()
    try:
        return read_notes(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} cannot be read ({error}); save it as UTF-8 text.") from error
    except RequestError as error:
        raise RequestError(f"{path} {error}.") from error


def _leave_template(request: ReportRequest) -> None:
    """A file for the author's words where there is none."""
    path = request.notes_file
    if not path.exists():
        write_text(path, template(Words(request.language)))
        say(f"{path} is there now: write your own passages into it and run the command again.")


def _pdf(request: ReportRequest, document: Document, pictures: Path, lacking: bool) -> bytes:
    """The PDF; fonts of this machine are let in where the others are `lacking` a character."""
    families = families_of(request.font) if request.font else []
    markup = to_typst(document, typefaces.faces(families))
    return compile_pdf(markup, pictures, font=request.font, system_fonts=lacking)


def _name_missing(missing: Sequence[str]) -> None:
    """A warning that names the characters which no font has, at most twenty of them."""
    elsewhere = typefaces.in_system_fonts(missing)
    lost = [character for character in missing if character not in elsewhere]
    if lost:
        named = ", ".join(f"{c} (U+{ord(c):04X})" for c in lost[:_SHOWN])
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        say(f"warning: no font has {named}{more}; give one that does with --font FILE.")


def _keep(pictures: Path, place: Path) -> None:
    """The folder of pictures, whole, in the place of an older one."""
    with replacing_folder(place) as temporary:
        for picture in sorted(pictures.iterdir()):
            (temporary / picture.name).write_bytes(picture.read_bytes())
