"""The result of the sampler lab: summary, chart, and the run's new default settings."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch

from ddpm.commands.sampler_lab.candidates import Candidate
from ddpm.commands.sampler_lab.lab_benchmark import Record
from ddpm.config import EARLY_GUIDE, SamplingConfig, load_config
from ddpm.evaluation.paired_distance import cheapest_indistinguishable
from ddpm.files import write_json
from ddpm.loading.guides import with_absolute_guide
from ddpm.loading.models import OpenedModel
from ddpm.messages import Message, message
from ddpm.runs import RunFolder
from ddpm.scoring.paired import PairedComparison, best_index, interval_of
from ddpm.visuals.tradeoffs import TradeoffChart, TradeoffPoint

# The fewest network evaluations among the settings whose distance is not significantly larger than the
# smallest (paired bootstrap over the same seeds, 95 %); among equal costs the smaller distance.
RULE = "cheapest_indistinguishable"
TEXT_SETTINGS = ("spacing", "variance", "clip")  # whose values are written without quotes


def summarize(
    comparison: PairedComparison, candidates: Sequence[Candidate], records: Sequence[Record]
) -> dict[str, Any]:
    """Return floor, points, best and recommended point for sampler-lab.json."""
    values = [
        torch.tensor(record["replicates"], dtype=torch.float64, device="cpu") for record in records
    ]
    costs = [record["evaluations"] for record in records]
    scale = comparison.distance.metric.scale
    rows = comparison.rows(values)
    return {
        "floor": comparison.floor(),
        "points": [_point(*parts) for parts in zip(candidates, records, rows, strict=True)],
        "rule": RULE,
        "best": best_index(values),
        "recommended": cheapest_indistinguishable(values, costs, scale),
    }


def _point(candidate: Candidate, record: Record, row: dict[str, Any]) -> dict[str, Any]:
    settings = asdict(candidate.settings)
    return {
        **{key: settings[key] for key in ("sampler", "steps", "spacing")},
        **{key: record[key] for key in ("evaluations", "seconds_per_image", "solver_error")},
        **row,
        "baseline": candidate.baseline,
        "settings": settings,
    }


def lab_chart(lab: dict[str, Any]) -> TradeoffChart:
    """Return the content of the figure from the content of sampler-lab.json."""
    points = lab["points"]
    curves: dict[str, list[TradeoffPoint]] = {}
    for point in sorted(points, key=lambda point: point["evaluations"]):
        if not point["baseline"]:
            curves.setdefault(point["sampler"], []).append(_chart_point(point))
    chosen = points[lab["recommended"]]
    baseline = next((point for point in points if point["baseline"]), None)
    return TradeoffChart(
        label=lab["label"],
        curves=curves,
        floor=interval_of(lab["floor"]),
        chosen=(f"recommended: {chosen['sampler']}, {chosen['steps']} steps", _chart_point(chosen)),
        baseline=(
            (f"ancestral, {baseline['steps']} steps", _chart_point(baseline)) if baseline else None
        ),
        note=f"{lab['name']}: seeds {lab['seeds'][0]}–{lab['seeds'][1]} for every point. "
        "Lines: 95 % intervals.",
    )


def _chart_point(point: dict[str, Any]) -> TradeoffPoint:
    return TradeoffPoint(
        point["evaluations"], 1000 * point["seconds_per_image"], *interval_of(point)
    )


def describe_default(
    opened: OpenedModel, target: str, settings: SamplingConfig, keep: bool
) -> Message:
    """Return what happens to the recommended settings.

    They become the default of a run unless `keep`. Otherwise, and for weights without a run, the
    message holds the command that samples with them.
    """
    if opened.run is not None and not keep:
        return message("default_changed", run=str(opened.run.root))
    own = opened.model.spec.config.sampling
    command = shlex.join(["ddpm", "sample", target, *_sample_options(own, settings)])
    if opened.run is None:
        return message("default_command", command=command)
    return message("default_kept", run=str(opened.run.root), command=command)


def save_default(run: RunFolder, settings: SamplingConfig) -> None:
    """Write `settings` into the run's config.json, from where `open_model` reads them.

    The early state of the run stays `early`, so that the run can train on.
    """
    config = load_config(run.config)
    if (
        config.sampling.guide == EARLY_GUIDE
        and settings.guide
        and settings.guide == run.early_state()
    ):
        settings = replace(settings, guide=EARLY_GUIDE)
    write_json(run.config, replace(config, sampling=with_absolute_guide(settings)).to_dict())


def _sample_options(own: SamplingConfig, settings: SamplingConfig) -> Iterator[str]:
    """Yield the options of `ddpm sample` that differ from the model's own settings.

    The spacing is always included, because --sampler would otherwise set its own.
    """
    yield from ("--sampler", settings.sampler, "--steps", str(settings.steps))
    defaults = asdict(own)
    for key, value in asdict(settings).items():
        if key == "spacing" or (key not in ("sampler", "steps") and value != defaults[key]):
            text = value if key in TEXT_SETTINGS else json.dumps(value)
            yield from ("--set", f"sampling.{key}={text}")
