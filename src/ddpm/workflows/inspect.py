"""`ddpm data list|prepare|inspect`: what there is to train on, and what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ddpm.config import Config, DataConfig
from ddpm.data.catalogue import DATASETS, cache_dir, data_dir, locate
from ddpm.data.inspection import inspect
from ddpm.visuals.grids import contact_sheet
from ddpm.visuals.saving import check_picture
from ddpm.workflows.opening import open_dataset
from ddpm.workflows.progress import Progress


def list_datasets() -> str:
    """The data sets known by name, and where names are looked for."""
    lines = []
    for name, entry in DATASETS.items():
        height, width = entry.size
        shape = (
            f"{entry.count:,} images {height}x{width}, {'grey' if entry.channels == 1 else 'color'}"
        )
        lines += [f"{name:<11}{entry.description}", f"{'':<11}{shape}; {entry.how}"]
        lines += [f"{'':<11}{entry.license}; {entry.source}"]
    folder = data_dir()
    where = f"{folder}" if folder else "not set; name a folder that holds mnist/, anime/, …"
    lines += ["", f"DDPM_DATA_DIR: {where}", f"cache: {cache_dir()}"]
    return "\n".join(lines)


def prepare_dataset(target: str, size: str, channels: str, all_images: bool) -> str:
    """Decode a set into the cache; its counts in one line."""
    known = {"1": 1, "3": 3}
    data = DataConfig(
        path=target,
        size=size,
        channels=known.get(channels, "auto"),  # type: ignore[arg-type]
        all_images=all_images,
    )
    report = open_dataset(Config(data=data)).report
    return (
        f"{report['given']} given, {report['used']} used, {report['held_out']} held out, "
        f"{report['duplicate']} duplicate, {report['broken']} broken: "
        f"{report['channels']}x{report['size']}, content {report['content_hash'][:12]}"
    )


def inspect_dataset(target: str, out: Path) -> str:
    """Counts, sizes, modes, classes, broken files and pixel statistics; a contact sheet at `out`."""
    check_picture(out)
    path = locate(target, data_dir=data_dir(), cache_dir=cache_dir())
    with Progress("looking through the images", 0) as bar:
        found = inspect(path, cache_dir=cache_dir(), progress=bar.of_total)
    contact_sheet(out, found.samples)
    tables = (found.summary, found.sizes, found.modes, found.classes, found.broken)
    return "\n\n".join([_table(rows) for rows in tables if rows] + [str(out)])


def _table(rows: list[dict[str, Any]]) -> str:
    """Rows as aligned text under their column names."""
    head = list(rows[0])
    cells = [head, *([str(row[name]) for name in head] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )
