"""Contents of a data set, as table rows and a few images for a contact sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.data.dataset import Dataset, Preparation, prepare_dataset
from ddpm.data.fitting import describe_fit
from ddpm.data.source_detection import open_source
from ddpm.data.survey import survey_source
from ddpm.data.threads import ProgressCallback
from ddpm.data.value_range import describe_range
from ddpm.messages import sentence

_SAMPLES = 64
_MAX_ROWS = 20  # of sizes and classes
MAX_NAMES_SHOWN = 3  # in one line


@dataclass(frozen=True)
class Inspection:
    """Table rows and up to 64 images of a data set.

    Beyond 20 sizes or classes, only the most frequent are listed; a last row sums up the rest.
    """

    summary: list[dict[str, Any]]  # what, value
    sizes: list[dict[str, Any]]  # size, images
    modes: list[dict[str, Any]]  # mode, images
    classes: list[dict[str, Any]]  # class, images; empty without labels
    broken: list[dict[str, Any]]  # name, reason
    samples: NDArray[np.uint8]  # uint8 [n, C, H, W], n <= 64, evenly spaced


def inspect_images(
    path: Path,
    settings: Preparation = Preparation(),
    *,
    cache_dir: Path,
    progress: ProgressCallback | None = None,
) -> Inspection:
    """Inspect the data set at `path` as `prepare_dataset` prepares it for training."""
    dataset = prepare_dataset(path, settings, cache_dir=cache_dir, progress=progress)
    survey = survey_source(open_source(path, settings.labels), cache_dir)
    sample = np.linspace(0, len(dataset.images) - 1, min(_SAMPLES, len(dataset.images)))
    return Inspection(
        summary=_summary(dataset),
        sizes=_count_rows("size", survey.sizes),
        modes=_count_rows("mode", survey.modes),
        classes=_classes(dataset),
        broken=_broken(dataset.report),
        samples=np.asarray(dataset.images[sample.round().astype(int)]),
    )


def _summary(dataset: Dataset) -> list[dict[str, Any]]:
    report = dataset.report
    counts = {key: report[key] for key in ("given", "used", "held_out", "duplicate", "broken")}
    shape = {"size": report["size"], "channels": report["channels"]}
    levels = {key: " ".join(f"{value:.4f}" for value in report[key]) for key in ("mean", "std")}
    values = {
        "name": dataset.name,
        "kind": report["kind"],
        **counts,
        **shape,
        **levels,
        "holdout": sentence(dataset.heldout_reason),
        "content hash": report["content_hash"],
    }
    if fit := describe_fit(report["fit"], report["size"]):
        values["fit"] = fit
    if line := describe_range(report["range"]):
        values["range"] = line
    if report["ignored"]:
        values["not opened"] = list_unopened(report)
    if report["notes"]:
        values["note"] = "; ".join(map(sentence, report["notes"]))
    if report["skipped"]:
        values["not images"] = list_other_files(report)
    return [{"what": what, "value": value} for what, value in values.items()]


def list_unopened(report: dict[str, Any]) -> str:
    """Return the first three archives that were not opened, and the number of others."""
    return _first_few(report["ignored"], len(report["ignored"]))


def list_other_files(report: dict[str, Any]) -> str:
    """Return the number of files that are not images, by extension: `30 .heic, 2 .txt`."""
    counts = report["skipped"].items()
    return ", ".join(
        f"{n} .{ending}" if ending else f"{n} without extension" for ending, n in counts
    )


def list_broken(report: dict[str, Any]) -> str:
    """Return the first three broken files with their reasons, and the number of others."""
    listed = [f"{broken['name']} ({broken['reason']})" for broken in report["broken_files"]]
    return _first_few(listed, report["broken"])


def _first_few(items: Sequence[str], count: int) -> str:
    more = count - min(MAX_NAMES_SHOWN, len(items))
    return ", ".join(items[:MAX_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _broken(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row per listed broken file, and one that counts the others."""
    listed: list[dict[str, Any]] = report["broken_files"]
    more = report["broken"] - len(listed)
    return [*listed, {"name": "…", "reason": f"and {more} more"}] if more else listed


def _classes(dataset: Dataset) -> list[dict[str, Any]]:
    if dataset.labels is None:
        return []
    counts = np.bincount(dataset.labels, minlength=len(dataset.class_names))
    pairs = zip(dataset.class_names, counts.tolist(), strict=True)
    return _count_rows("class", dict(pairs))


def _count_rows(what: str, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return a row per value, in the given order; beyond 20, the most frequent and a sum of the others."""
    rows = list(counts.items())
    if len(rows) > _MAX_ROWS:
        rows.sort(key=lambda item: -item[1])
        rest = rows[_MAX_ROWS:]
        rows[_MAX_ROWS:] = [(f"and {len(rest)} more", sum(count for _, count in rest))]
    return [{what: name, "images": count} for name, count in rows]
