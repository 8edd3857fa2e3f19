"""What the sampler lab's measurements come to: rows, the choice, the figure, the run's new default."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch

from ddpm.commands.sampler_lab.candidates import Candidate
from ddpm.commands.sampler_lab.lab_benchmark import Record
from ddpm.config import SamplingConfig, load_config
from ddpm.evaluation.paired_distance import (
    PairedDistance,
    cheapest_indistinguishable,
    indistinguishable_from_best,
)
from ddpm.evaluation.scores import Row
from ddpm.files import write_json
from ddpm.loading.guides import with_absolute_guide
from ddpm.loading.models import OpenedModel
from ddpm.messages import Message, message
from ddpm.runs import RunFolder
from ddpm.visuals.tradeoffs import TradeoffChart, TradeoffPoint

RULE = (
    "the fewest evaluations of the network among the settings whose distance is not surely larger than "
    "the smallest (paired bootstrap over the same seeds, 95 %); among equally many the smaller distance"
)


def summarize(
    yardstick: PairedDistance, points: Sequence[Candidate], records: Sequence[Record]
) -> dict[str, Any]:
    """Floor, points, the best of them and the recommended one, for sampler-lab.json."""
    values = [torch.tensor(record["replicates"], dtype=torch.float64) for record in records]
    scale = yardstick.metric.scale
    good = indistinguishable_from_best(values, scale)
    costs = [record["evaluations"] for record in records]
    rows = [yardstick.row(found) for found in values]
    return {
        "floor": {key: rows[0][name] for key, name in _FLOOR.items()},
        "points": [_row(*facts) for facts in zip(points, records, rows, good, strict=True)],
        "rule": RULE,
        "best": min(range(len(values)), key=lambda i: values[i][0].item()),
        "recommended": cheapest_indistinguishable(values, costs, scale),
    }


_WORDS = ("spacing", "variance", "clip")  # settings that are no numbers
_FLOOR = {"value": "floor", "low": "floor_low", "high": "floor_high"}
_NUMBERS = ("value", "low", "high", "ratio", "ratio_low", "ratio_high")


def _row(point: Candidate, record: Record, row: Row, good: bool) -> dict[str, Any]:
    settings = asdict(point.settings)
    return {
        **{key: settings[key] for key in ("sampler", "steps", "spacing")},
        **{key: record[key] for key in ("evaluations", "seconds_per_image", "solver_error")},
        **{key: row[key] for key in _NUMBERS},
        "as_good": good,
        "baseline": point.baseline,
        "settings": settings,
    }


def lab_chart(lab: dict[str, Any]) -> TradeoffChart:
    """The figure's content."""
    points, floor = lab["points"], lab["floor"]
    curves: dict[str, list[TradeoffPoint]] = {}
    for point in sorted(points, key=lambda point: point["evaluations"]):
        if not point["baseline"]:
            curves.setdefault(point["sampler"], []).append(_chart_point(point))
    chosen = points[lab["recommended"]]
    walked = [point for point in points if point["baseline"]]
    return TradeoffChart(
        label=lab["label"],
        curves=curves,
        floor=(floor["value"], floor["low"], floor["high"]),
        chosen=(f"recommended: {chosen['sampler']}, {chosen['steps']} steps", _chart_point(chosen)),
        baseline=(f"ancestral, {walked[0]['steps']} steps", _chart_point(walked[0]))
        if walked
        else None,
        note=f"{lab['name']}: seeds {lab['seeds'][0]}–{lab['seeds'][1]}, the same in every point. "
        "Lines: 95 % intervals.",
    )


def _chart_point(point: dict[str, Any]) -> TradeoffPoint:
    milliseconds = 1000 * point["seconds_per_image"]
    return TradeoffPoint(
        point["evaluations"], milliseconds, point["value"], point["low"], point["high"]
    )


def describe_default(
    opened: OpenedModel, target: str, settings: SamplingConfig, keep: bool
) -> Message:
    """Return what becomes of measured settings: a run's default unless `keep`; else their command.

    A weights file, bundled or not, is not written to.
    """
    if opened.run is not None and not keep:
        return message("default_changed", run=str(opened.run.root))
    own = opened.model.spec.config.sampling
    words = shlex.join(["ddpm", "sample", target, *_sample_options(own, settings)])
    if opened.run is None:
        return message("default_command", command=words)
    return message("default_kept", run=str(opened.run.root), command=words)


def save_default(run: RunFolder, settings: SamplingConfig) -> None:
    """Make `settings` the run's own: `open_model` reads them from its configuration."""
    write_json(
        run.config,
        replace(load_config(run.config), sampling=with_absolute_guide(settings)).to_dict(),
    )


def _sample_options(own: SamplingConfig, settings: SamplingConfig) -> Iterator[str]:
    """Those of `ddpm sample`; what the model does by itself is left out.

    The spacing never is, since a sampler that is asked for by name brings its own.
    """
    yield from ("--sampler", settings.sampler, "--steps", str(settings.steps))
    before = asdict(own)
    for key, value in asdict(settings).items():
        if key == "spacing" or (key not in ("sampler", "steps") and value != before[key]):
            yield from ("--set", f"sampling.{key}={value if key in _WORDS else json.dumps(value)}")
