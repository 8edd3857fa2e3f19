"""Averages of the weights measured against each other: the same seeds, one distance, paired intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ddpm.commands.ema.saved_averages import SavedAverages
from ddpm.config import SamplingConfig
from ddpm.evaluation.paired_distance import (
    PairedDistance,
    indistinguishable_from_best,
    make_paired_distance,
)
from ddpm.loading.models import OpenedModel, open_model
from ddpm.messages import sentence
from ddpm.models.base import GenerativeModel
from ddpm.optim.posthoc_ema import exponent
from ddpm.sampling.draw import choose_labels, draw_images
from ddpm.sampling.settings import resolve_settings
from ddpm.scoring.generated_images import ModelSamples
from ddpm.scoring.measurement import (
    EvaluationRequest,
    describe_real,
    feature_cache,
    feature_network,
    find_real_images,
    usable_count,
)
from ddpm.terminal import Progress, say
from ddpm.visuals.ema_lengths import EmaLengthChart, EmaLengthPoint

_FLOOR = {"value": "floor", "low": "floor_low", "high": "floor_high"}
_NUMBERS = ("value", "low", "high", "ratio", "ratio_low", "ratio_high")


class AverageCandidate(NamedTuple):
    """An average that may be chosen."""

    length: float  # σ_rel; of the run's own the one it comes nearest to
    error: float  # of the least squares
    own: bool = False  # the run's own

    def row(self) -> dict[str, Any]:
        """Plain values for ema.json."""
        return {**self._asdict(), "gamma": None if self.own else exponent(self.length)}


def compare_lengths(
    asked: EvaluationRequest, averages: SavedAverages, candidates: Sequence[AverageCandidate]
) -> dict[str, Any]:
    """The distance of every candidate, which one has the smallest, and by what protocol.

    asked: what `ddpm evaluate` would be asked for the same.
    """
    opened = open_model(asked.target, asked.device)
    settings = resolve_settings(opened.model, asked.overrides)
    yardstick, facts = _yardstick(asked, opened, settings)
    seeds = range(asked.seed, asked.seed + yardstick.n)
    say(f"{yardstick.label} of {len(candidates)} averages, each on seeds {seeds[0]}–{seeds[-1]}")
    values = []
    with Progress("drawing", len(candidates) * len(seeds)) as bar:
        for candidate in candidates:
            made = averages.own if candidate.own else averages.average(candidate.length)
            opened.model.load_state({"ema": made})
            advance = _advance(bar, f"σ_rel {candidate.length:.3g}")
            values.append(yardstick.measure(_draw(opened.model, seeds, settings, advance)))
    rows = [yardstick.row(value) for value in values]
    good = indistinguishable_from_best(values, yardstick.metric.scale)
    return {
        **facts,
        "floor": {**{key: rows[0][name] for key, name in _FLOOR.items()}, **facts["floor"]},
        "seeds": [seeds[0], seeds[-1]],
        "points": [
            {**candidate.row(), **{key: row[key] for key in _NUMBERS}, "as_good": fine}
            for candidate, row, fine in zip(candidates, rows, good, strict=True)
        ],
        "chosen": min(range(len(rows)), key=lambda i: values[i][0].item()),
    }


def _advance(bar: Progress, words: str) -> Callable[[int], None]:
    """What drawing tells of how many images are done, counted from where the bar stands."""
    first = bar.done
    return lambda done: bar.reach(first + done, words)


def _draw(
    model: GenerativeModel, seeds: range, settings: SamplingConfig, advance: Callable[[int], None]
) -> Tensor:
    """Images uint8 [len(seeds), C, H, W]."""
    with torch.no_grad():
        labels = choose_labels(model, seeds, None)
        return torch.from_numpy(draw_images(model, seeds, labels, settings, progress=advance))


def _yardstick(
    asked: EvaluationRequest, opened: OpenedModel, settings: SamplingConfig
) -> tuple[PairedDistance, dict[str, Any]]:
    """The Fréchet distance with its real images, and what ema.json says of it."""
    assert asked.n is not None
    subject = ModelSamples(opened, settings)
    real = find_real_images(asked, subject, asked.n)
    n, notes = usable_count(asked, subject, real, asked.n)
    network, why = feature_network(asked, real)
    say("measuring the floor")
    sets = (real.reference, real.floor)
    yardstick = make_paired_distance("fd", sets, network, n, asked.seed, feature_cache())
    return yardstick, {
        "n": n,
        "label": yardstick.label,
        "protocol": yardstick.protocol,
        "drawn": opened.model.drawing(settings),
        "network": network.name,
        "network_why": why,
        "notes": notes,
        **describe_real(real),
    }


def length_chart(found: dict[str, Any]) -> EmaLengthChart:
    """The figure of ema.json's content."""
    keys = ("length", "value", "low", "high")
    points = [EmaLengthPoint(*(point[key] for key in keys)) for point in found["points"]]
    floor = found["floor"]
    return EmaLengthChart(
        label=found["label"],
        made=points[1:],
        own=points[0],
        floor=(floor["value"], floor["low"], floor["high"]),
        chosen=points[found["chosen"]],
        note=f"{found['name']}: seeds {found['seeds'][0]}–{found['seeds'][1]}, the same for every "
        f"average; {sentence(found['drawn'])}. Lines: 95 % intervals.",
    )
