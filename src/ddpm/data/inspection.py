"""What a set of images is made of: rows for a table and a few images for a contact sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.data.dataset import Dataset, prepare_dataset
from ddpm.data.source_detection import open_source
from ddpm.data.survey import survey_source
from ddpm.data.threads import Progress
from ddpm.messages import sentence

_SAMPLES = 64
_LISTED = 20  # sizes and classes, the most frequent; a folder of photos has thousands of sizes


@dataclass(frozen=True)
class Inspection:
    """Rows of (what, value), longer lists as rows of their own, and up to 64 images.

    Of more than 20 sizes or classes the most frequent are listed, and in one row the rest.
    """

    summary: list[dict[str, Any]]  # what, value
    sizes: list[dict[str, Any]]  # size, images
    modes: list[dict[str, Any]]  # mode, images
    classes: list[dict[str, Any]]  # class, images; empty where there are no labels
    broken: list[dict[str, Any]]  # name, reason
    samples: NDArray[np.uint8]  # [n, C, H, W], n <= 64, spread evenly over the set


def inspect_images(
    path: Path,
    *,
    size: int | str = "auto",
    channels: int | str = "auto",
    cache_dir: Path,
    progress: Progress | None = None,
) -> Inspection:
    """Look through the set at ``path`` as ``prepare_dataset`` would bring it to training."""
    dataset = prepare_dataset(
        path, size=size, channels=channels, cache_dir=cache_dir, progress=progress
    )
    seen = survey_source(open_source(path), cache_dir)
    sample = np.linspace(0, len(dataset.images) - 1, min(_SAMPLES, len(dataset.images)))
    return Inspection(
        summary=_summary(dataset),
        sizes=_counted("size", seen.sizes),
        modes=_counted("mode", seen.modes),
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
    if report["ignored"]:
        values["not opened"] = list_unopened(report)
    return [{"what": what, "value": value} for what, value in values.items()]


MAX_NAMES_SHOWN = 3  # names in a line


def list_unopened(report: dict[str, Any]) -> str:
    """The archives among the images, which were not opened: the first three, and how many more."""
    return _some(report["ignored"], len(report["ignored"]))


def list_broken(report: dict[str, Any]) -> str:
    """The files that are no readable images, each with its reason: the first three, and how many more."""
    listed = [f"{broken['name']} ({broken['reason']})" for broken in report["broken_files"]]
    return _some(listed, report["broken"])


def _some(words: Sequence[str], count: int) -> str:
    more = count - min(MAX_NAMES_SHOWN, len(words))
    return ", ".join(words[:MAX_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _broken(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Every broken file, and where there are too many to list, how many more."""
    listed: list[dict[str, Any]] = report["broken_files"]
    more = report["broken"] - len(listed)
    return [*listed, {"name": "…", "reason": f"and {more} more"}] if more else listed


def _classes(dataset: Dataset) -> list[dict[str, Any]]:
    if dataset.labels is None:
        return []
    counts = np.bincount(dataset.labels, minlength=len(dataset.class_names))
    named = zip(dataset.class_names, counts.tolist(), strict=True)
    return _counted("class", dict(named))


def _counted(what: str, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """A row each in the order given, or of many the most frequent and how many more there are."""
    told = list(counts.items())
    if len(told) > _LISTED:
        told.sort(key=lambda item: -item[1])
        rest = told[_LISTED:]
        told[_LISTED:] = [(f"and {len(rest)} more", sum(count for _, count in rest))]
    return [{what: name, "images": count} for name, count in told]
