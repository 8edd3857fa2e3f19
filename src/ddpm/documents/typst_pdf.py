"""PDF from typst markup. Only this module imports typst, which the extra `report` installs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from types import ModuleType

from ddpm.documents.typefaces import unpack
from ddpm.documents.typst_markup import PICTURES, TEMPLATE
from ddpm.errors import RequestError, WorkError

TYPST_MISSING = (
    "The PDF needs the package typst: run pip install 'ddpm-studio[report]', or write Markdown only "
    "with --out report.md."
)


def load_typst() -> ModuleType:
    """Import and return typst; RequestError if it is not installed."""
    try:
        import typst
    except ImportError as error:
        raise RequestError(TYPST_MISSING) from error
    return typst


def families_of(font: Path) -> list[str]:
    """Return the families in a font file, those of Traditional Chinese first."""
    typst = load_typst()
    with tempfile.TemporaryDirectory(prefix="ddpm-report-") as scratch:
        (Path(scratch) / f"own{font.suffix}").write_bytes(font.read_bytes())
        fonts = typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[Path(scratch)]
        )
        found: list[str] = fonts.families()
    return sorted(found, key=lambda family: " TC" not in family)


def compile_pdf(
    markup: str, folder: Path, *, font: Path | None = None, system_fonts: bool = False
) -> bytes:
    """Return the PDF of `markup`, whose pictures are in `folder`. Equal input gives equal bytes.

    `font` is one more font file. `system_fonts` lets installed fonts show what the others lack.
    """
    pages = _compiled(markup, folder, font, system_fonts, "pdf")
    return pages[0]


def compile_pages(markup: str, folder: Path, *, font: Path | None = None) -> list[bytes]:
    """Return the pages of `markup` as PNG pictures."""
    return _compiled(markup, folder, font, False, "png")


def _compiled(
    markup: str, folder: Path, font: Path | None, system_fonts: bool, kind: str
) -> list[bytes]:
    typst = load_typst()
    with tempfile.TemporaryDirectory(prefix="ddpm-report-") as scratch:
        root = Path(scratch)
        _write_inputs(root, markup, _files(folder), font)
        try:
            made = typst.compile(
                root / "report.typ",
                root=root,
                font_paths=[root / "fonts"],
                ignore_system_fonts=not system_fonts,
                format=kind,
            )
        except typst.TypstError as error:
            raise WorkError(f"typst could not compile the report: {error}") from error
    return list(made) if isinstance(made, list) else [bytes(made)]


def _files(folder: Path) -> Iterable[tuple[str, Path]]:
    """Return the pictures of `folder` by the names that the markup gives them."""
    return [(f"{PICTURES}/{path.name}", path) for path in sorted(folder.glob("*.png"))]


def _write_inputs(
    root: Path, markup: str, pictures: Iterable[tuple[str, Path]], font: Path | None
) -> None:
    """Write everything that typst may read into `root`."""
    (root / "report.typ").write_text(markup, encoding="utf-8")
    template = resources.files("ddpm") / "documents" / TEMPLATE
    (root / TEMPLATE).write_bytes(template.read_bytes())
    unpack(root / "fonts")
    if font is not None:
        (root / "fonts" / f"own{font.suffix}").write_bytes(font.read_bytes())
    for name, path in pictures:
        place = root / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(path.read_bytes())
