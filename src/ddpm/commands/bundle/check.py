"""`ddpm bundle --check`: check whether a zip is ready to hand in, without running or unpacking it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

import ddpm.commands.bundle.names as handin
from ddpm.commands.bundle.hand_in_archive import HandInError, read_hand_in
from ddpm.commands.request_fields import to_path
from ddpm.data.image_files import Images
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.base import GenerativeModel
from ddpm.models.fingerprint import weights_hash
from ddpm.quantities import format_seeds
from ddpm.sampling.provenance import redraw_grid
from ddpm.visuals.grid_mark import GridMark, read_grid_mark
from ddpm.visuals.grid_reader import open_jpeg, read_grid
from ddpm.visuals.layout import GAP

GRID = (5, 5)  # rows and columns of the required grids
MAX_MEAN_ERROR = 3.0  # mean absolute error, of 255, of a grid that reproduces
MAX_IMAGE_ERROR = 12.0  # of one image: JPEG and another device cause less, another image more
_KINDS = {1: "gray", 3: "color"}

Verdict = Literal["ok", "wrong", "not verifiable"]


class Finding(NamedTuple):
    """One line of the check: a file or a group of files, the verdict, and the reason with the fix."""

    subject: str
    verdict: Verdict
    text: str

    def __str__(self) -> str:
        return f"{self.verdict:<14} {self.subject}: {self.text}"


def check_bundle(
    path: Path | str, runs: Mapping[str, str] | None = None, device: str = "auto"
) -> list[Finding]:
    """Return every finding about the zip at `path`, whichever program made it.

    `runs` maps "mnist" or "anime" to the run that should reproduce the grid. RequestError if there is no
    such file or run; a fault of the zip itself is a finding.
    """
    path = to_path("path", path)
    if not path.is_file():
        raise RequestError(f"There is no file {path}; pass the zip to check with --check.")
    models = {images: open_model(run, device).model for images, run in (runs or {}).items()}
    try:
        files = read_hand_in(path, path.stat().st_size)
    except HandInError as error:
        return [Finding(path.name, "wrong", str(error))]
    return check_files(path.name, files, models)


def check_files(
    archive: str, files: Sequence[tuple[str, bytes]], models: Mapping[str, GenerativeModel]
) -> list[Finding]:
    """Return every finding about a zip called `archive` with `files` (name, content), without folders."""
    names, contents = [name for name, _ in files], dict(files)
    student_id = handin.student_id_of(archive, names)
    return [
        *_check_names(archive, names, student_id),
        *_check_documents(contents, student_id),
        *_check_pictures(contents, models),
    ]


def _check_names(archive: str, names: Sequence[str], student_id: str) -> Iterator[Finding]:
    fault = handin.zip_fault(archive, student_id)
    faults = ([fault] if fault else []) + handin.name_faults(names, student_id)
    for text in faults:
        yield Finding("names", "wrong", text)
    if not faults:
        yield Finding("names", "ok", f"{archive} holds the six files and source/, nothing else")


def _check_documents(contents: Mapping[str, bytes], student_id: str) -> Iterator[Finding]:
    """Check the report, the readme and the code, as far as they exist."""
    report = handin.report_name(student_id)
    if report in contents:
        fault = handin.pdf_fault(contents[report])
        yield Finding(report, "wrong" if fault else "ok", fault or "is a PDF")
    if handin.README in contents:
        text = contents[handin.README]
        readable = bool(text.strip()) and b"\0" not in text
        words = (
            f"{len(text.splitlines())} lines"
            if readable
            else "is empty or not text; write it again"
        )
        yield Finding(handin.README, "ok" if readable else "wrong", words)
    code = [name for name in contents if name.startswith(f"{handin.SOURCE}/")]
    if code:
        programs = [name for name in code if name.endswith((".py", ".ipynb"))]
        words = f"{len(code)} files, {len(programs)} of them .py or .ipynb"
        words += "" if programs else "; add the code"
        yield Finding(f"{handin.SOURCE}/", "ok" if programs else "wrong", words)


def _check_pictures(
    contents: Mapping[str, bytes], models: Mapping[str, GenerativeModel]
) -> Iterator[Finding]:
    for images in handin.SETS:
        grid = handin.grid_name(images)
        for name in (handin.loss_name(images), grid):
            if name not in contents:
                continue
            try:
                picture = open_jpeg(contents[name])
            except RequestError as error:
                yield Finding(name, "wrong", str(error))
                continue
            yield Finding(name, "ok", f"is a JPEG of {picture.width}x{picture.height} pixels")
            if name == grid:
                yield from _check_grid(picture, images, models.get(images))


def _check_grid(
    picture: Image.Image, images: str, model: GenerativeModel | None
) -> Iterator[Finding]:
    """Check the cells of a grid and, given the run, their images."""
    name = handin.grid_name(images)
    try:
        mark = read_grid_mark(picture)
        if mark is None:
            words = "was not written by ddpm, so its cells and their origin cannot be checked"
            yield Finding(name, "not verifiable", words)
            return
        _check_cells(mark, handin.SIDES[images])
        shown = read_grid(picture, mark.layout, mark.channels)[: len(mark.seeds)]
        side, kind = handin.SIDES[images], _KINDS[mark.channels]
        words = f"5x5 cells of {side}x{side}, {kind}, {format_seeds(mark.seeds)}, run {mark.weights_hash}"
        yield Finding(name, "ok", words)
        if model is not None:
            yield _reproduction(name, mark, shown, model)
    except RequestError as error:
        yield Finding(name, "wrong", str(error))


def _check_cells(mark: GridMark, side: int) -> None:
    """Raise RequestError, the reason with the fix, if a grid is not the required one."""
    layout = mark.layout
    if (layout.rows, layout.columns) != GRID:
        raise RequestError(
            f"has {layout.rows}x{layout.columns} cells instead of 5x5; sample it with ddpm sample RUN "
            "--grid 5x5"
        )
    if (layout.height, layout.width) != (side, side):
        raise RequestError(
            f"shows images of {layout.height}x{layout.width} instead of {side}x{side}; sample it from a run "
            f"with data.size={side}"
        )
    if layout.gap != GAP or len(mark.seeds) != layout.rows * layout.columns:
        raise RequestError(
            f"shows {len(mark.seeds)} images with gaps of {layout.gap} pixels instead of 25 with {GAP}; "
            "sample it with ddpm sample RUN --grid 5x5"
        )


def _reproduction(name: str, mark: GridMark, shown: Images, model: GenerativeModel) -> Finding:
    """Check whether the run, of a diffusion model, generates the same images again."""
    if not model.spec.config.has_reverse_process:
        return Finding(
            name, "wrong", "was sampled from a DCGAN; sample it from a run of a diffusion model"
        )
    again = redraw_grid(model, mark)
    errors = np.abs(shown.astype(np.int64) - again).mean(axis=(1, 2, 3))
    mean, worst = float(errors.mean()), int(errors.argmax())
    own = weights_hash(model)
    weights = (
        ""
        if own == mark.weights_hash
        else f"; sampled from the weights {mark.weights_hash}, the run holds {own}"
    )
    fix = f"{weights}; sample it again with ddpm sample RUN --out {name}"
    if mean >= MAX_MEAN_ERROR:
        limit = f"mean absolute error {mean:.1f} of 255, at most {MAX_MEAN_ERROR:g} allowed"
        return Finding(name, "wrong", f"does not reproduce: {limit}{fix}")
    if errors[worst] >= MAX_IMAGE_ERROR:
        cell = f"seed {mark.seeds[worst]} gives another image than cell {worst + 1} shows"
        return Finding(name, "wrong", f"does not reproduce: {cell}{fix}")
    return Finding(name, "ok", f"reproduces: mean absolute error {mean:.2f} of 255{weights}")
