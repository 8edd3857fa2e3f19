"""`ddpm bundle --check`: is a zip ready to hand in? Nothing in it is run or unpacked to disk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from ddpm.commands.bundle import names as handin
from ddpm.data.image_files import Images
from ddpm.data.image_source import BrokenImageError, is_decompression_bomb
from ddpm.data.zips import escapes_archive, is_encrypted, member_name, members_overlap, read_member
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.base import GenerativeModel
from ddpm.models.fingerprint import weights_hash
from ddpm.quantities import format_seeds
from ddpm.sampling.provenance import redraw_grid
from ddpm.visuals.grid_mark import GridMark, read_grid_mark
from ddpm.visuals.grid_reader import open_jpeg, read_grid
from ddpm.visuals.layout import GAP

CELLS = (5, 5)  # rows and columns of the grids that are asked for
CLOSE = 3.0  # mean absolute error, of 255, below which a grid is the same drawing
FAR = 12.0  # of one image: JPEG and another device leave less, another drawing more
_MOST_MEMBERS = 5000
_LARGEST = 512 << 20  # bytes unpacked, of the whole zip
_KINDS = {1: "grey", 3: "color"}

Verdict = Literal["ok", "wrong", "not verifiable"]


class _DamagedError(Exception):
    """A member cannot be read; the text is its name."""


class Finding(NamedTuple):
    """One line of the check: a file or a set of files, the verdict, and why."""

    what: str
    verdict: Verdict
    words: str

    def __str__(self) -> str:
        return f"{self.verdict:<14} {self.what}: {self.words}"


def check_bundle(
    path: Path, runs: Mapping[str, str] | None = None, device: str = "auto"
) -> list[Finding]:
    """Everything that can be said of the zip at `path`, whoever made it.

    `runs`: "mnist" or "anime" → the run its grid should reproduce from. RequestError where there is
    no such file or run; what is wrong with the zip itself is a finding.
    """
    if not path.is_file():
        raise RequestError(f"There is no file {path} to check.")
    models = {images: open_model(run, device).model for images, run in (runs or {}).items()}
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            fault = _unsafe(members, path.stat().st_size)
            files = [] if fault else [_read(archive, member) for member in members]
    except _DamagedError as error:
        fault = f"is damaged: {error} cannot be read"
    except Exception:  # whatever a file that only looks like a zip makes of zipfile
        fault = "is no zip, or one that is damaged or cut short"
    if fault:
        return [Finding(path.name, "wrong", fault)]
    return check_files(path.name, files, models)


def check_files(
    archive: str, files: Sequence[tuple[str, bytes]], models: Mapping[str, GenerativeModel]
) -> list[Finding]:
    """The same for a zip called `archive` of `files` (name, content), folders left out."""
    names, contents = [name for name, _ in files], dict(files)
    student_id = handin.student_id_of(archive, names)
    return [
        *_check_names(archive, names, student_id),
        *_check_documents(contents, student_id),
        *_check_pictures(contents, models),
    ]


def _unsafe(members: list[zipfile.ZipInfo], size: int) -> str | None:
    """Why the zip, of `size` bytes, should not be read at all."""
    if len(members) > _MOST_MEMBERS or sum(m.file_size for m in members) > _LARGEST:
        return f"holds more than {_MOST_MEMBERS} files or {_LARGEST >> 20} MiB"
    if members_overlap(members, size):
        return "packs several files into the same bytes"
    for member in members:
        name = _name(member)
        if name == ".":
            return "holds a file without a name"
        if escapes_archive(name):
            return f"names a file outside itself ({name})"
        if is_encrypted(member):
            return f"is locked with a password ({name})"
        if is_decompression_bomb(member.compress_size, member.file_size):
            return f"unpacks {member.compress_size:,} bytes to {member.file_size:,} ({name})"
    return None


def _name(member: zipfile.ZipInfo) -> str:
    """A member's name as it will be on disk: `./a.pdf` is `a.pdf`."""
    return PurePosixPath(member_name(member)).as_posix()


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[str, bytes]:
    """A member's name and content; _DamagedError, which names it, where its checksum says otherwise."""
    name = _name(member)
    try:
        return name, read_member(archive, member)
    except BrokenImageError:
        raise _DamagedError(name) from None


def _check_names(archive: str, names: Sequence[str], student_id: str) -> Iterator[Finding]:
    fault = handin.zip_fault(archive, student_id)
    faults = ([fault] if fault else []) + handin.name_faults(names, student_id)
    for words in faults:
        yield Finding("names", "wrong", words)
    if not faults:
        yield Finding("names", "ok", f"{archive} holds the six files and source/, nothing else")


def _check_documents(contents: Mapping[str, bytes], student_id: str) -> Iterator[Finding]:
    """The report, the readme and the code, where they are there."""
    report = handin.report_name(student_id)
    if report in contents:
        fault = handin.pdf_fault(contents[report])
        yield Finding(report, "wrong" if fault else "ok", fault or "is a PDF")
    if handin.README in contents:
        text = contents[handin.README]
        readable = bool(text.strip()) and b"\0" not in text
        words = f"{len(text.splitlines())} lines" if readable else "is empty or no text"
        yield Finding(handin.README, "ok" if readable else "wrong", words)
    code = [name for name in contents if name.startswith(f"{handin.SOURCE}/")]
    if code:
        programs = [name for name in code if name.endswith((".py", ".ipynb"))]
        words = f"{len(code)} files, {len(programs)} of them .py or .ipynb"
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
    """The cells and, given the run, what they show."""
    name = handin.grid_name(images)
    try:
        mark = read_grid_mark(picture)
        if mark is None:
            words = "was made elsewhere: its cells and where they come from"
            yield Finding(name, "not verifiable", words)
            return
        _check_cells(mark, handin.SIDES[images])
        shown = read_grid(picture, mark.layout, mark.channels)[: len(mark.seeds)]
        side, kind = handin.SIDES[images], _KINDS[mark.channels]
        words = f"5x5 cells of {side}x{side}, {kind}, {format_seeds(mark.seeds)}, run {mark.run}"
        yield Finding(name, "ok", words)
        if model is not None:
            yield _reproduction(name, mark, shown, model)
    except RequestError as error:
        yield Finding(name, "wrong", str(error))


def _check_cells(mark: GridMark, side: int) -> None:
    """RequestError, the reason in words, where a grid of ours is not the one that is asked for."""
    layout = mark.layout
    if (layout.rows, layout.columns) != CELLS:
        raise RequestError(f"has {layout.rows}x{layout.columns} cells; 5x5 are asked for")
    if (layout.height, layout.width) != (side, side):
        raise RequestError(
            f"shows images of {layout.height}x{layout.width}; {side}x{side} are asked for"
        )
    if layout.gap != GAP or len(mark.seeds) != layout.rows * layout.columns:
        raise RequestError(f"shows {len(mark.seeds)} images with gaps of {layout.gap} pixels")


def _reproduction(name: str, mark: GridMark, shown: Images, model: GenerativeModel) -> Finding:
    """Whether the run draws the same images again, as a diffusion model does."""
    if not model.spec.config.has_reverse_process:
        return Finding(name, "wrong", "was drawn by a DCGAN; a diffusion model is asked for")
    again = redraw_grid(model, mark)
    errors = np.abs(shown.astype(np.int64) - again).mean(axis=(1, 2, 3))
    mean, worst = float(errors.mean()), int(errors.argmax())
    own = weights_hash(model)
    whose = "" if own == mark.run else f"; drawn by the weights {mark.run}, the run holds {own}"
    if mean >= CLOSE:
        words = (
            f"does not reproduce: mean absolute error {mean:.1f} of 255, {CLOSE:g} at most{whose}"
        )
        return Finding(name, "wrong", words)
    if errors[worst] >= FAR:
        seed = mark.seeds[worst]
        words = f"does not reproduce: seed {seed} draws another image than cell {worst + 1} shows"
        return Finding(name, "wrong", words + whose)
    return Finding(name, "ok", f"reproduces: mean absolute error {mean:.2f} of 255{whose}")
