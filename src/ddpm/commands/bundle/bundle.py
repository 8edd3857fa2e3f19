"""`ddpm bundle`: write the zip to hand in, completely or not at all."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import ddpm.commands.bundle.names as handin
from ddpm.commands.bundle.check import check_files
from ddpm.commands.bundle.handin_runs import (
    SEEDS,
    HandInRun,
    config_files,
    open_baselines,
    open_image_run,
    run_note,
    write_pictures,
)
from ddpm.commands.bundle.package_files import NOTEBOOK, NOTICES, package_code, shipped_file
from ddpm.commands.bundle.readme import readme_text
from ddpm.commands.options import command_line
from ddpm.commands.report import NOTES, ReportRequest, write_report
from ddpm.commands.verb_function import takes_fields
from ddpm.data.catalogue import DATASETS
from ddpm.data.hub import is_hub_name
from ddpm.documents.citations import SOURCES
from ddpm.documents.typst_pdf import load_typst
from ddpm.errors import RequestError, WorkError
from ddpm.files import atomic_file, check_writable
from ddpm.models.sources import (
    CHOICES,
    augmentation_source,
    average_source,
    choice_source,
    guidance_sources,
    label_source,
    network_sources,
)

_OLDEST = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can hold


@dataclass(frozen=True)
class BundleRequest:
    """The content of the zip; `report` and `notebook` are the author's own, in place of ours."""

    student_id: str
    mnist: str  # a run
    anime: str
    dcgan: Sequence[str] = ()
    comparisons: Sequence[Path] = ()
    report: Path | None = None
    notebook: Path | None = None
    notes: Path | None = None  # the author's passages in our report; None: notes.md beside the zip
    language: str = "en"  # of our report
    pick: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # "mnist", "anime" → 25 seeds
    out: Path = Path()
    device: str = "auto"


@takes_fields(BundleRequest)
def write_bundle(request: BundleRequest) -> Path:
    """Sample the grids, write the report if none is given, and pack the zip to hand in; return its path.

    RequestError, before anything is sampled: an unusable ID, run or file.

    >>> path = ddpm.bundle("0712345", "runs/mnist", "runs/anime", report=Path("mine.pdf"))
    >>> path.name
    '0712345_hw2_2.zip'
    """
    path = request.out / handin.zip_name(request.student_id)
    check_writable(path)
    _check_author_files(request)
    parts = [
        open_image_run(images, target, request.pick.get(images, SEEDS), request.device)
        for images, target in (("mnist", request.mnist), ("anime", request.anime))
    ]
    parts += open_baselines(request.dcgan, request.device)
    files = _source(parts, request.notebook)
    files[handin.README] = _readme(request.student_id, parts).encode("utf-8", "backslashreplace")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for part in parts:
            if part.images:
                write_pictures(folder, part)
        _write_report(folder / handin.report_name(request.student_id), request)
        files |= {file.name: file.read_bytes() for file in folder.iterdir()}
    _check_own(path.name, files)
    with atomic_file(path) as temporary:
        _write_zip(temporary, files)
    return path


def _check_author_files(request: BundleRequest) -> None:
    """Raise RequestError if a file of the author, or typst for our report, is missing."""
    for file in (request.report, request.notebook):
        if file is not None and not file.is_file():
            raise RequestError(
                f"There is no file {file}; pass an existing file, or omit the option."
            )
    for folder in request.comparisons:
        if not folder.is_dir():
            raise RequestError(
                f"There is no folder {folder}; pass a folder written by ddpm compare."
            )
    if request.report is not None:
        fault = handin.pdf_fault(request.report.read_bytes())
        if fault:
            raise RequestError(f"{request.report} {fault}; pass a PDF with --report.")
    else:
        _check_typst()
    if request.notebook is not None and request.notebook.suffix != ".ipynb":
        raise RequestError(
            f"{request.notebook} is not a notebook; pass a file that ends in .ipynb."
        )


def _check_typst() -> None:
    try:
        load_typst()
    except RequestError as error:
        raise RequestError(
            "The report needs the package typst: run pip install 'ddpm-studio[report]', or pass your own "
            "PDF with --report FILE."
        ) from error


def _source(parts: Sequence[HandInRun], notebook: Path | None) -> dict[str, bytes]:
    """Return the folder source/: notebook, configurations, code, license and citation."""
    notebook = notebook or shipped_file(NOTEBOOK)
    files = {notebook.name: notebook.read_bytes(), **package_code()}
    files |= {name: shipped_file(name).read_bytes() for name in NOTICES}
    return {f"{handin.SOURCE}/{name}": content for name, content in files.items()} | config_files(
        parts
    )


def _readme(student_id: str, parts: Sequence[HandInRun]) -> str:
    """Return readme.txt with every source once."""
    keys = dict.fromkeys(key for part in parts for key in _sources(part) if key)
    sources = [
        "this code: ddpm-studio, MIT (source/LICENSE); cite it as source/CITATION.cff says",
        *(SOURCES[key].line for key in keys),
        *filter(None, dict.fromkeys(map(_images_source, parts))),
    ]
    return readme_text(student_id, list(map(run_note, parts)), sources)


def _sources(part: HandInRun) -> list[str]:
    """Return the keys of the works that a run's choices come from; keys may repeat or be empty."""
    config, length = part.config.to_dict(), part.opened.average
    average = average_source(config, length)
    if part.config.family.is_adversarial:
        return [
            *network_sources(config),
            "gan",
            choice_source(config, "training.optimizer"),
            average,
        ]
    choices = [choice_source(config, key) for key in CHOICES]
    choices += [augmentation_source(config), label_source(config), average]
    return ["ddpm", *network_sources(config), *choices, *guidance_sources(config)]


def _images_source(part: HandInRun) -> str:
    """Return the source of the images, if the catalog or their name tells it; else an empty string."""
    path = part.config.data.path
    if is_hub_name(path):
        return f"images: https://huggingface.co/datasets/{path.removeprefix('hf:')}"
    entry = DATASETS.get(path)
    return f"images: {entry.citation}; {entry.source}" if entry else ""


def _write_report(path: Path, request: BundleRequest) -> None:
    """Write the author's PDF, else our report on all runs, which names the command that writes it."""
    if request.report is not None:
        path.write_bytes(request.report.read_bytes())
        return
    with tempfile.TemporaryDirectory() as scratch:
        report_request = ReportRequest(
            targets=[request.mnist, request.anime, *request.dcgan],
            comparisons=request.comparisons,
            out=Path(scratch) / path.name,
            notes=request.notes or request.out / NOTES,
            language=request.language,
            student_id=request.student_id,
            device=request.device,
        )
        printed_request = replace(report_request, out=Path(path.name), notes=request.notes)
        write_report(replace(report_request, command=command_line("report", printed_request)))
        path.write_bytes(report_request.out.read_bytes())


def _check_own(archive: str, files: Mapping[str, bytes]) -> None:
    """Raise WorkError if our own check would reject the zip."""
    found = check_files(archive, list(files.items()), {})
    wrong = [f"{finding.subject} {finding.text}" for finding in found if finding.verdict == "wrong"]
    if wrong:
        raise WorkError(
            f"The zip was not written because it fails ddpm bundle --check: {'; '.join(wrong)}."
        )


def _write_zip(path: Path, files: Mapping[str, bytes]) -> None:
    """Write the files sorted, without dates or owners, so that equal files give equal bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in sorted(files.items()):
            member = zipfile.ZipInfo(name, _OLDEST)
            member.create_system, member.external_attr = 3, 0o644 << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED, compresslevel=9)
