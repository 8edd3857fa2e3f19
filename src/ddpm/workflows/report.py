"""`ddpm report`: run folders and comparisons become a PDF, and the same in Markdown."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ddpm.config import load_config, unknown
from ddpm.data.catalogue import DATASETS
from ddpm.errors import RequestError
from ddpm.files import check_place, is_leftover, replacing, replacing_folder, write_text
from ddpm.reporting import typefaces
from ddpm.reporting.citations import Citations, Source
from ddpm.reporting.compose import Front, compose
from ddpm.reporting.document import Document, texts
from ddpm.reporting.facts import ComparisonFacts, Material, RunFacts
from ddpm.reporting.markdown import to_markdown
from ddpm.reporting.markup import to_typst
from ddpm.reporting.notes import Notes, read_notes, template
from ddpm.reporting.typst import compile_pdf, families_of, load_typst
from ddpm.reporting.words import LANGUAGES, Words
from ddpm.runs import RunFolder
from ddpm.workflows.opening import find_run
from ddpm.workflows.progress import say
from ddpm.workflows.report_facts import comparison_facts, facts_of
from ddpm.workflows.report_pictures import Album, draw_schedules

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
    front: Front = field(default_factory=Front)
    device: str = "auto"
    said: str = (
        ""  # the command that the report names as its own; "": the one that asks for the same
    )

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


def write_report(request: ReportRequest) -> list[Path]:
    """Write the report; the paths written. A template for the author's words is written where none is."""
    _check(request)
    runs = _named(request.targets)
    own = typefaces.characters_of(request.font) if request.font else frozenset()
    notes = _notes(request)
    with tempfile.TemporaryDirectory(prefix="ddpm-report-") as scratch:
        pictures = Path(scratch) / request.pictures.name
        pictures.mkdir()
        document = _document(request, runs, pictures, notes)
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
    return [*written, request.pictures]


def _check(request: ReportRequest) -> None:
    """RequestError for what cannot be done, before anything is drawn."""
    if request.language not in LANGUAGES:
        raise unknown("language", request.language, LANGUAGES)
    if request.out.suffix not in (".pdf", ".md"):
        raise RequestError(f"{request.out} should end in .pdf, or in .md for Markdown alone.")
    if request.out.suffix == ".pdf":
        load_typst()
        check_place(request.out)
    check_place(request.markdown)
    folder = request.pictures
    if folder.exists() and not _is_album(folder):
        raise RequestError(
            f"{folder} holds other files; the pictures go there, so choose another name with --out."
        )


def _is_album(folder: Path) -> bool:
    return folder.is_dir() and all(
        path.suffix == ".png" or is_leftover(path) for path in folder.iterdir()
    )


def _named(targets: Sequence[str]) -> dict[str, RunFolder]:
    """The runs by names that differ; RequestError where one is not there."""
    runs: dict[str, RunFolder] = {}
    for target in targets:
        run = find_run(target)
        if run is None:
            raise RequestError(f"{target} is not a run; give a folder that ddpm train wrote.")
        name = run.root.name if run.root.name not in ("", "..") else run.root.resolve().name
        if any(run.root.resolve() == other.root.resolve() for other in runs.values()):
            continue
        names = [name, *(f"{name}-{n}" for n in range(2, len(targets) + 2))]
        runs[next(choice for choice in names if choice not in runs)] = run
        load_config(run.config)
    return runs


def _notes(request: ReportRequest) -> Notes:
    """What the author wrote; the template is written where the file is not there."""
    path = request.notes_file
    if not path.exists():
        check_place(path)
        write_text(path, template(Words(request.language)))
        say(f"{path} is there now: write your own passages into it and run the command again.")
        return Notes()
    try:
        return read_notes(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} cannot be read ({error}); save it as UTF-8 text.") from error


def _document(
    request: ReportRequest, runs: dict[str, RunFolder], pictures: Path, notes: Notes
) -> Document:
    """The report as a structure; its pictures are drawn into `pictures`."""
    facts = [facts_of(run, name, pictures, request.device) for name, run in runs.items()]
    compared = [
        comparison_facts(folder, index, pictures)
        for index, folder in enumerate(request.comparisons, 1)
    ]
    facts = [
        _measured(run, folder, compared) for run, folder in zip(facts, runs.values(), strict=True)
    ]
    names = dict.fromkeys(run.data_name for run in facts)
    known = {name: DATASETS[name] for name in names if name in DATASETS}
    material = Material(
        runs=facts,
        comparisons=compared,
        words=Words(request.language),
        cite=Citations({f"data:{n}": _data_source(n) for n in known}),
        data_sources={n: {"license": d.license, "text": d.description} for n, d in known.items()},
        command=request.said or command(request),
    )
    schedule = draw_schedules(Album(pictures), [load_config(run.config) for run in runs.values()])
    uncompared = [] if compared else _uncompared(list(runs.values()), facts)
    return compose(material, request.front, notes, schedule=schedule, uncompared=uncompared)


def _measured(run: RunFacts, folder: RunFolder, compared: Sequence[ComparisonFacts]) -> RunFacts:
    """A run that was never evaluated alone has the scores of a comparison it stands in."""
    if run.evaluation is not None:
        return run
    entries = (entry for comparison in compared for entry in comparison.row["entries"])
    root = folder.root.resolve()
    own = (e for e in entries if e.get("run") and Path(e["run"]["path"]).resolve() == root)
    entry = next(own, None)
    return run if entry is None else replace(run, evaluation=entry["evaluation"])


def _data_source(name: str) -> Source:
    entry = DATASETS[name]
    return Source("", "", entry.citation, "", entry.source)


def _uncompared(folders: Sequence[RunFolder], facts: Sequence[RunFacts]) -> list[tuple[str, str]]:
    """For each set of images: what compares the runs on it, or trains a second one to compare with."""
    groups: dict[str, list[int]] = {}
    for index, run in enumerate(facts):
        groups.setdefault(
            f"{run.data_name} {run.environment.get('data', {}).get('size')}", []
        ).append(index)
    found = []
    for group in groups.values():
        if len(group) > 1:
            roots = [str(folders[index].root) for index in group]
            found.append(("comparison", shlex.join(["ddpm", "compare", *roots])))
        else:
            found.append(("baseline", _other_family(facts[group[0]])))
    return found


def _other_family(run: RunFacts) -> str:
    """What trains a DCGAN on the images of a diffusion run, or the other way round."""
    preset = str(run.config.get("preset"))
    kind = next((name for name in ("mnist", "anime") if name in preset), "folder")
    words = ["ddpm", "train", kind if run.gan else f"dcgan-{kind}"]
    return shlex.join(words + (["--data", run.data_name] if run.data_name != kind else []))


def _pdf(request: ReportRequest, document: Document, pictures: Path, lacking: bool) -> bytes:
    """The PDF; fonts of this machine are let in where the others are `lacking` a character."""
    families = families_of(request.font) if request.font else []
    markup = to_typst(document, typefaces.faces(families))
    return compile_pdf(markup, pictures, font=request.font, system_fonts=lacking)


def _name_missing(missing: Sequence[str]) -> None:
    """A warning that names the characters which no font has, at most twenty of them."""
    lost = [c for c in missing if c not in typefaces.in_system_fonts(missing)] if missing else []
    if lost:
        named = ", ".join(f"{c} (U+{ord(c):04X})" for c in lost[:_SHOWN])
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        say(f"warning: no font has {named}{more}; give one that does with --font FILE.")


def _keep(pictures: Path, place: Path) -> None:
    """The folder of pictures, whole, in the place of an older one."""
    with replacing_folder(place) as temporary:
        for picture in sorted(pictures.iterdir()):
            (temporary / picture.name).write_bytes(picture.read_bytes())


def command(request: ReportRequest) -> str:
    """The command line that asks for the same."""
    words = ["ddpm", "report", *request.targets]
    for folder in request.comparisons:
        words += ["--comparison", str(folder)]
    for option, value, usual in (
        ("--out", str(request.out), "report.pdf"),
        ("--notes", request.notes and str(request.notes), None),
        ("--lang", request.language, "en"),
        ("--font", request.font and request.font.name, None),
        ("--title", request.front.title, ""),
        ("--author", request.front.author, ""),
        ("--student-id", request.front.student_id, ""),
    ):
        if value != usual:
            words += [option, str(value)]
    return shlex.join(words)
