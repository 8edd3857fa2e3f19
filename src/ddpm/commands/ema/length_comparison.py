"""The comparison of EMA lengths: one distance for every average, on images of the same seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from ddpm.commands.ema.saved_averages import SavedAverages
from ddpm.loading.models import open_model
from ddpm.messages import sentence
from ddpm.optim.posthoc_ema import gamma_of
from ddpm.sampling.settings import resolve_settings
from ddpm.scoring.evaluation_request import EvaluationRequest
from ddpm.scoring.paired import best_index, interval_of, prepare_comparison, sample_seeds
from ddpm.terminal import Progress, print_line
from ddpm.visuals.ema_lengths import EmaLengthChart, EmaLengthPoint


class AverageCandidate(NamedTuple):
    """A weight average to compare."""

    length: float  # σ_rel; for the run's own average the nearest one
    error: float  # relative error of the least-squares fit
    own: bool = False  # the run's own average

    def row(self) -> dict[str, Any]:
        """Return plain values for ema.json."""
        return {**self._asdict(), "gamma": None if self.own else gamma_of(self.length)}


def compare_lengths(
    request: EvaluationRequest, averages: SavedAverages, candidates: Sequence[AverageCandidate]
) -> dict[str, Any]:
    """Measure every candidate and return rows, floor, protocol and best index for ema.json."""
    opened = open_model(request.target, request.device)
    settings = resolve_settings(opened.model, request.overrides)
    comparison = prepare_comparison(request, opened, settings, "fd")
    distance, seeds = comparison.distance, comparison.seeds
    print_line(
        f"{distance.label} of {len(candidates)} averages, each on seeds {seeds[0]}–{seeds[-1]}"
    )
    values = []
    with Progress("sampling", len(candidates) * len(seeds)) as bar:
        for candidate in candidates:
            weights = averages.own if candidate.own else averages.average(candidate.length)
            opened.model.load_state({"ema": weights})
            advance = _advance(bar, f"σ_rel {candidate.length:.3g}")
            images = sample_seeds(opened.model, seeds, settings, advance)
            values.append(distance.measure(torch.from_numpy(images)))
    rows = zip(candidates, comparison.rows(values), strict=True)
    return {
        **comparison.facts(),
        "drawn": opened.model.describe_sampling(settings),
        "floor": comparison.floor(),
        "points": [{**candidate.row(), **row} for candidate, row in rows],
        "chosen": best_index(values),
    }


def _advance(bar: Progress, note: str) -> Callable[[int], None]:
    """Return a callback that adds the number of images done to the bar's present position."""
    first = bar.done
    return lambda done: bar.advance_to(first + done, note)


def length_chart(found: dict[str, Any]) -> EmaLengthChart:
    """Return the content of the figure from the content of ema.json."""
    points = [EmaLengthPoint(point["length"], *interval_of(point)) for point in found["points"]]
    return EmaLengthChart(
        label=found["label"],
        post_hoc=points[1:],
        run_ema=points[0],
        floor=interval_of(found["floor"]),
        chosen=points[found["chosen"]],
        note=f"{found['name']}: seeds {found['seeds'][0]}–{found['seeds'][1]}, the same for every "
        f"average; {sentence(found['drawn'])}. Lines: 95 % intervals.",
    )
