"""`ddpm bundle`: the zip that is handed in, whole or not at all."""

from __future__ import annotations

import importlib.util
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ddpm.data.catalogue import DATASETS
from ddpm.errors import RequestError, WorkError
from ddpm.files import replacing
from ddpm.reporting import handin
from ddpm.reporting.readme import readme_text
from ddpm.reporting.works import works_of
from ddpm.workflows.bundle_check import check_files
from ddpm.workflows.bundle_parts import (
    SEEDS,
    Part,
    baselines,
    configs,
    image_part,
    run_note,
    write_pictures,
)
from ddpm.workflows.shipped import NOTEBOOK, NOTICES, package_code, shipped_file

_OLDEST = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can hold


@dataclass(frozen=True)
class BundleRequest:
    """What goes into the zip; `report` and `notebook` are the author's own, instead of ours."""

    student_id: str
    mnist: str  # a run
    anime: str
    dcgan: Sequence[str] = ()
    comparisons: Sequence[Path] = ()
    report: Path | None = None
    notebook: Path | None = None
    notes: Path | None = None  # the author's passages of our report
    language: str = "en"  # of our report
    pick: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # "mnist", "anime" → 25 seeds
    out: Path = Path()
    device: str = "auto"


def write_bundle(request: BundleRequest) -> Path:
    """Draw, write the report where none is given, and zip; the path of the zip.

    RequestError, before anything is drawn, where the ID, a run or a file will not do.
    """
    path = request.out / handin.zip_name(request.student_id)
    _check_author_files(request)
    parts = [
        image_part(images, target, request.pick.get(images, SEEDS), request.device)
        for images, target in (("mnist", request.mnist), ("anime", request.anime))
    ]
    parts += baselines(request.dcgan, request.device)
    files = _source(parts, request.notebook)
    files[handin.README] = _readme(request.student_id, parts).encode()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for part in parts:
            if part.images:
                write_pictures(folder, part)
        _write_report(folder / handin.report_name(request.student_id), request)
        files |= {file.name: file.read_bytes() for file in folder.iterdir()}
    _check_own(path.name, files)
    with replacing(path) as temporary:
        _write_zip(temporary, files)
    return path


def _check_author_files(request: BundleRequest) -> None:
    """The author's own files, or what is needed to write them, before any work is done."""
    for file in (request.report, request.notebook):
        if file is not None and not file.is_file():
            raise RequestError(f"There is no file {file}.")
    if request.report is not None:
        fault = handin.pdf_fault(request.report.read_bytes())
        if fault:
            raise RequestError(f"{request.report} {fault}; give --report a PDF.")
    if request.report is None and importlib.util.find_spec("typst") is None:
        raise RequestError(
            "The report needs the package typst: run pip install 'ddpm-studio[report]', or give a "
            "PDF of your own with --report FILE."
        )
    if request.notebook is not None and request.notebook.suffix != ".ipynb":
        raise RequestError(f"{request.notebook} is no notebook; give a file that ends in .ipynb.")


def _source(parts: Sequence[Part], notebook: Path | None) -> dict[str, bytes]:
    """The folder source/: notebook, configurations, code, licence and citation."""
    notebook = notebook or shipped_file(NOTEBOOK)
    files = {notebook.name: notebook.read_bytes(), **package_code()}
    files |= {name: shipped_file(name).read_bytes() for name in NOTICES}
    return {f"{handin.SOURCE}/{name}": content for name, content in files.items()} | configs(parts)


def _readme(student_id: str, parts: Sequence[Part]) -> str:
    """readme.txt, every source once."""
    sources = [
        "this code: ddpm-studio, MIT (source/LICENSE); cite it as source/CITATION.cff says",
        *(work for part in parts for work in works_of(part.config.to_dict())),
        *(_images_cited(part) for part in parts),
    ]
    return readme_text(student_id, list(map(run_note, parts)), dict.fromkeys(filter(None, sources)))


def _images_cited(part: Part) -> str:
    """Where the images come from, as far as the catalogue knows."""
    entry = DATASETS.get(part.config.data.path)
    return f"images: {entry.citation}; {entry.source}" if entry else ""


def _write_report(path: Path, request: BundleRequest) -> None:
    if request.report is not None:
        path.write_bytes(request.report.read_bytes())


def _check_own(archive: str, files: Mapping[str, bytes]) -> None:
    """WorkError where our own check would refuse what is about to be written."""
    found = check_files(archive, list(files.items()), {})
    wrong = [f"{finding.what} {finding.words}" for finding in found if finding.verdict == "wrong"]
    if wrong:
        raise WorkError(f"The zip was not written, its own check refuses it: {'; '.join(wrong)}.")


def _write_zip(path: Path, files: Mapping[str, bytes]) -> None:
    """The same files give the same bytes: sorted, without dates or owners."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in sorted(files.items()):
            member = zipfile.ZipInfo(name, _OLDEST)
            member.create_system, member.external_attr = 3, 0o644 << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED, compresslevel=9)
