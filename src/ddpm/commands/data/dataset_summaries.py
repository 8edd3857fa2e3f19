"""Lists, counts and contact sheets of data sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.config import Config, DataConfig, with_overrides
from ddpm.data.catalogue import DATASETS, cache_dir, data_dir
from ddpm.data.dataset import Dataset, Preparation
from ddpm.data.inspection import inspect_images
from ddpm.loading.datasets import dataset_path, open_dataset
from ddpm.loading.pseudo_labels import with_pseudo_labels
from ddpm.terminal import Progress, escape
from ddpm.visuals.grids import save_contact_sheet, save_grid
from ddpm.visuals.saving import check_picture_path

HUB_NOTE = "any image data set on the Hugging Face Hub, downloaded once; needs pip install 'ddpm-studio[hub]'"
_SHEET_COLUMNS = 10
_SHEET_ROWS = 24  # clusters on a sheet, the largest first


def list_datasets() -> str:
    """Return the data sets known by name and the folders that are searched, as text."""
    lines = []
    for name, entry in DATASETS.items():
        height, width = entry.size
        shape = (
            f"{entry.count:,} images {height}x{width}, {'gray' if entry.channels == 1 else 'color'}"
        )
        lines += [f"{name:<11}{entry.description}", f"{'':<11}{shape}; {entry.access}"]
        lines += [f"{'':<11}{entry.license}; {entry.source}"]
    lines += ["hf:OWNER/NAME", f"{'':<11}{HUB_NOTE}"]
    folder = data_dir()
    where = f"{folder}" if folder else "not set (set it to a folder that holds mnist/, anime/, …)"
    where += " (there is no such folder)" if folder and not folder.is_dir() else ""
    lines += ["", f"DDPM_DATA_DIR: {where}", f"cache: {cache_dir()}"]
    return "\n".join(lines)


def prepare_dataset(
    target: str, size: str, channels: str, value_range: str, all_images: bool
) -> str:
    """Decode a data set into the cache; return its counts in one line."""
    numbers = {"1": 1, "3": 3}
    data = DataConfig(
        path=target,
        size=size,
        channels=numbers.get(channels, "auto"),  # type: ignore[arg-type]
        range=value_range,
        all_images=all_images,
    )
    report = open_dataset(Config(data=data)).report
    return (
        f"{report['given']} given, {report['used']} used, {report['held_out']} held out, "
        f"{report['duplicate']} duplicate, {report['broken']} broken: "
        f"{report['channels']}x{report['size']}, content {report['content_hash'][:12]}"
    )


def inspect_dataset(target: str, out: Path, value_range: str = "full") -> str:
    """Return counts, sizes, modes, classes, broken files and pixel statistics; draw a sheet into `out`."""
    check_picture_path(out)
    path = dataset_path(target)
    with Progress("inspecting", 0) as bar:
        settings = Preparation(value_range=value_range)
        found = inspect_images(path, settings, cache_dir=cache_dir(), progress=bar.report)
    save_contact_sheet(out, found.samples)
    tables = (found.summary, found.sizes, found.modes, found.classes, found.broken)
    return "\n\n".join([_table(rows) for rows in tables if rows] + [escape(str(out))])


def inspect_clusters(target: str, k: int, out: Path, value_range: str = "full") -> str:
    """Draw the clusters of `data.labels=kmeans:K` into `out`, a row each; return their sizes as text."""
    check_picture_path(out)
    plain = with_overrides(Config(), [f"data.labels=kmeans:{k}"]).data
    data = replace(plain, path=target, size="auto", channels="auto", range=value_range)
    dataset = open_dataset(Config(data=replace(data, labels=False)))
    grouped = with_pseudo_labels(dataset, data)
    assert grouped.labels is not None
    members = [np.flatnonzero(grouped.labels[dataset.train] == cluster) for cluster in range(k)]
    shown = [_examples(dataset, rows) for rows in members[:_SHEET_ROWS]]
    save_grid(
        out,
        np.concatenate(shown),
        len(shown),
        _SHEET_COLUMNS,
        row_titles=[
            f"{cluster}: {len(rows):,}" for cluster, rows in enumerate(members[:_SHEET_ROWS])
        ],
        caption=f"{dataset.name}: {k} clusters by k-means on self-supervised features, with image counts",
    )
    rows = [_cluster_row(dataset, cluster, rows) for cluster, rows in enumerate(members)]
    return f"{_table(rows)}\n\n{escape(str(out))}"


def _examples(dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return a row of the sheet: images of a cluster, spread over the data set, padded with white."""
    count = min(len(rows), _SHEET_COLUMNS)
    chosen = rows[np.linspace(0, len(rows) - 1, count).round().astype(np.int64)]
    sheet = np.full((_SHEET_COLUMNS, *dataset.images.shape[1:]), 255, np.uint8)
    sheet[:count] = dataset.images[dataset.train[chosen]]
    return sheet


def _cluster_row(dataset: Dataset, cluster: int, rows: NDArray[np.int64]) -> dict[str, Any]:
    """Return a cluster's row of the table, with its most common label if the images have labels."""
    row: dict[str, Any] = {"cluster": cluster, "images": len(rows)}
    if dataset.labels is None or not len(rows):
        return row
    counts = np.bincount(dataset.labels[dataset.train[rows]], minlength=len(dataset.class_names))
    share = counts.max() / len(rows)
    return {**row, "mostly": f"{dataset.class_names[counts.argmax()]} ({share:.0%})"}


def _table(rows: list[dict[str, Any]]) -> str:
    """Format rows as aligned text under their column names."""
    head = list(rows[0])
    cells = [head, *([str(row[name]) for name in head] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )
