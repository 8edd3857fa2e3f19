"""Figures of a comparison: image grids, metrics, spectra, nearest neighbors and cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ddpm.documents.tables import format_number
from ddpm.evaluation.copy_detection import nearest_two, pixel_vectors
from ddpm.evaluation.image_sets import choose_indices
from ddpm.evaluation.metrics import CLASS_SHARE_PREFIX
from ddpm.evaluation.spectrum import radial_power
from ddpm.messages import sentence
from ddpm.quantities import format_seeds
from ddpm.scoring.measurement import Measurement
from ddpm.terminal import shorten
from ddpm.visuals.bars import DIRECTION_NOTE, Bar, BarPanel, ClassShares, save_bars_plot
from ddpm.visuals.neighbor_strips import NeighborStrip, save_neighbor_strips
from ddpm.visuals.panels import GridPanel, save_grid_panels
from ddpm.visuals.spectra import save_spectra_plot

FIGURES = {key: f"{key}.png" for key in ("grids", "metrics", "spectra", "neighbors", "cost")}
GRID_SIDE = 5  # rows and columns
STRIP_IMAGES = 10  # per strip
MAX_SPECTRUM_IMAGES = 10_000  # real images
MAX_TITLE_NAME = 44  # letters of a name in a title

Comparison = Mapping[str, Any]


def draw_figures(
    out: Path, comparison: Comparison, measured: Sequence[Measurement]
) -> dict[str, str]:
    """Write the figures into `out` and return their names. The cost figure needs known costs."""
    labels = [entry["label"] for entry in comparison["entries"]]
    names = dict(FIGURES)
    draw_grids(out / names["grids"], labels, measured)
    draw_metrics(out / names["metrics"], comparison)
    draw_spectra(out / names["spectra"], labels, measured)
    draw_neighbors(out / names["neighbors"], labels, measured)
    if not draw_cost(out / names["cost"], comparison):
        (out / names.pop("cost")).unlink(missing_ok=True)  # left by an earlier comparison
    return names


def draw_grids(path: Path, labels: Sequence[str], measured: Sequence[Measurement]) -> None:
    """Draw 25 real images, then 25 of each entry: the first seeds of a model, random ones of files."""
    first = measured[0]
    count = min(GRID_SIDE * GRID_SIDE, len(first.images))
    real = first.sets.reference[
        choose_indices(len(first.sets.reference), count, first.evaluation["seed"])
    ]
    panels = [GridPanel("real images", real.numpy(), "from the reference, chosen at random")]
    for label, entry in zip(labels, measured, strict=True):
        caption = _sampling_caption(entry.evaluation, count)
        shown = entry.images[:count]
        if entry.evaluation["seeds"] is None:  # files may be sorted by class
            shown = entry.images[choose_indices(len(entry.images), count, entry.evaluation["seed"])]
        panels.append(GridPanel(label, shown.numpy(), caption))
    save_grid_panels(path, panels, -(-count // GRID_SIDE), GRID_SIDE)


def _sampling_caption(evaluation: Mapping[str, Any], count: int) -> str:
    if evaluation["seeds"] is None:
        return "images as given, chosen at random"
    start = evaluation["seeds"][0]
    return f"{sentence(evaluation['drawn'])}; {format_seeds(range(start, start + count))}"


def draw_metrics(path: Path, comparison: Comparison) -> None:
    """Draw one panel per metric with intervals and floor, and one panel with all class shares."""
    verdicts, n = comparison["verdicts"], comparison["entries"][0]["evaluation"]["n"]
    shares = [v for v in verdicts if v["metric"].startswith(CLASS_SHARE_PREFIX)]
    panels = [
        BarPanel(v["label"], _bars(v), v["better"], _floor(v, comparison), v["winner"])
        for v in verdicts
        if v not in shares
    ]
    grouped = None
    if shares:
        groups = [v["metric"].removeprefix(CLASS_SHARE_PREFIX) for v in shares]
        entries = [[_bars(v)[i] for v in shares] for i in range(len(comparison["entries"]))]
        floors = [v["floor"] for v in shares]
        grouped = ClassShares("share of each class", groups, entries, floors)
    note = (
        f"n={n:,} per entry. Lines: 95 % intervals. Dashed: the floor, real images outside the "
        f"reference.\n{DIRECTION_NOTE}. ★ better than every other entry."
    )
    save_bars_plot(path, [e["label"] for e in comparison["entries"]], panels, grouped, note)


def _bars(verdict: Mapping[str, Any]) -> list[Bar]:
    scores = [(s["value"], s["low"], s["high"]) for s in verdict["values"]]
    return [Bar(*score, text=format_number(score[0])) for score in scores]


def _floor(verdict: Mapping[str, Any], comparison: Comparison) -> tuple[float, float, float] | None:
    """Return the floor with its interval from the first entry that has the metric."""
    if verdict["floor"] is None:
        return None
    rows = [row for entry in comparison["entries"] for row in entry["evaluation"]["rows"]]
    row = next(row for row in rows if row["metric"] == verdict["metric"])
    value = row["floor"]
    return value, row.get("floor_low", value), row.get("floor_high", value)


def draw_spectra(path: Path, labels: Sequence[str], measured: Sequence[Measurement]) -> None:
    """Draw the mean radial power of the reference and of each entry."""
    reference = measured[0].sets.reference
    subset = reference[choose_indices(len(reference), MAX_SPECTRUM_IMAGES, 0)]
    real, *powers = (
        radial_power(images).mean(dim=0).numpy()
        for images in (subset, *(m.images for m in measured))
    )
    save_spectra_plot(path, real, labels, powers)


def draw_neighbors(path: Path, labels: Sequence[str], measured: Sequence[Measurement]) -> None:
    """Draw the ten images of each entry with the smallest d1/d2, above their nearest training images."""
    strips = []
    for label, entry in zip(labels, measured, strict=True):
        trained = torch.cat([entry.sets.reference, *entry.sets.trained])
        neighbors = nearest_two(pixel_vectors(entry.images), pixel_vectors(trained))
        first, second = neighbors.distance.unbind(dim=1)
        # duplicates: 0 / 0 counts as a copy
        ratios = torch.where(first == 0, first, first / second)
        worst = ratios.argsort()[:STRIP_IMAGES]
        copies = f"{int(neighbors.flagged.sum())} of {len(ratios):,} below 1/3"
        title = f"{shorten(label, MAX_TITLE_NAME)}: {copies}"
        nearby = trained[neighbors.index[worst, 0]]
        strips.append(
            NeighborStrip(
                title, entry.images[worst].numpy(), nearby.numpy(), ratios[worst].tolist()
            )
        )
    note = (
        "Above each column: d1/d2, the pixel distance to the nearest training image over that to the "
        "second nearest. The smallest are shown; below 1/3 an image counts as a copy."
    )
    save_neighbor_strips(path, strips, note=note)


def draw_cost(path: Path, comparison: Comparison) -> bool:
    """Draw the cost of training and sampling. Return False, without a figure, if no cost is known."""
    entries = comparison["entries"]
    runs = [entry["run"] or {} for entry in entries]
    sizes = [sum((run.get("parameters") or {}).values()) or None for run in runs]
    table = {
        "training time (minutes)": [run.get("minutes") for run in runs],
        "images seen in training": [run.get("images_seen") for run in runs],
        "parameters, all networks": sizes,
        "images sampled per second": [
            entry["evaluation"]["images_per_second"] for entry in entries
        ],
    }
    panels = [
        BarPanel(title, [Bar(value, text=format_number(value)) for value in values])
        for title, values in table.items()
        if any(value is not None for value in values)
    ]
    if panels:
        save_bars_plot(path, [entry["label"] for entry in entries], panels)
    return bool(panels)
