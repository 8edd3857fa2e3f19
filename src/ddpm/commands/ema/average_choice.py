"""`ddpm ema`: build weight averages (EMA) of several lengths and choose the best."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddpm.commands.ema.length_comparison import AverageCandidate, compare_lengths, length_chart
from ddpm.commands.ema.saved_averages import SavedAverages, load_saved_averages
from ddpm.commands.options import command_line
from ddpm.commands.verb_function import takes_fields
from ddpm.errors import RequestError
from ddpm.files import atomic_file, check_writable, write_json
from ddpm.loading.chosen_average import ChosenAverage, delete_average, save_average
from ddpm.loading.models import open_model
from ddpm.models.autoguidance import exported_config
from ddpm.models.base import GenerativeModel
from ddpm.optim.ema import relative_length
from ddpm.optim.posthoc_ema import LONGEST, MAX_FIT_ERROR
from ddpm.runs import RunFolder, find_run
from ddpm.sampling.run_pictures import write_final_pictures
from ddpm.scoring.evaluation_request import as_evaluation_request
from ddpm.scoring.scoring_setup import compute_environment
from ddpm.training.checkpoint import save_weights
from ddpm.visuals.ema_lengths import save_ema_length_plot

FORMAT = 2  # 1: sentences in place of messages
DEFAULT_LENGTHS = (0.02, 0.03, 0.04, 0.05, 0.07, 0.09, 0.12, 0.16, 0.2, 0.25)  # σ_rel


@dataclass(frozen=True)
class EmaRequest:
    """The lengths to compare, the settings, and where to save the chosen average."""

    target: str  # a run
    lengths: Sequence[float] = ()  # σ_rel; empty: the DEFAULT_LENGTHS that the run covers
    n: int = 1000  # images per length
    out: Path | None = None  # weights file for the chosen average
    apply: bool = False  # let the run sample with the chosen average
    reference: str | None = None  # real images; None: the model's own training images
    network: str = "auto"  # feature network
    weights: Path | None = None  # weights of the feature network
    seed: int = 0  # seed of the first image
    overrides: Sequence[str] = ()  # sampling.key=value
    device: str = "auto"


@takes_fields(EmaRequest)
def choose_average(request: EmaRequest) -> dict[str, Any]:
    """Build weight averages of several lengths, measure each and choose the best; return ema.json.

    The run keeps ema.json and ema.png. A single length with `out` or `apply` is saved without measuring.
    RequestError: no such run, a run without saved averages, a length that they do not cover, or too few
    images.

    >>> found = ddpm.ema("runs/digits", n=12)
    >>> 0 <= found["chosen"] < len(found["points"])
    True
    """
    start, run = time.perf_counter(), _find_run_folder(request.target)
    averages = load_saved_averages(run)
    if request.out is not None:
        _check_out(request.out)
    candidates = _candidates(request, averages)
    found: dict[str, Any] = {
        "format": FORMAT,
        "name": run.root.name,
        "target": request.target,
        "step": averages.step,
        "snapshots": len(averages.snapshot_steps) + 1,
        "covered": list(averages.covered),
        "command": command_line("ema", request),
    }
    if len(request.lengths) == 1 and (request.apply or request.out is not None):
        if request.overrides:
            raise RequestError(
                "A single length is saved without measuring, so --set has no effect; leave it out."
            )
        chosen = candidates[-1]
        found |= {"points": [chosen.row()], "chosen": 0}
    else:
        found |= compare_lengths(as_evaluation_request(request), averages, candidates)
        found["environment"] = compute_environment(request.device, start)
        chosen = candidates[found["chosen"]]
        save_ema_length_plot(run.ema_plot, length_chart(found))
        write_json(run.ema, found)
    return {**found, "done": list(_save_choice(request, averages, chosen))}


def restore_own_average(target: str, device: str = "auto") -> str:
    """Let a run sample with its own average again. Return a sentence that says what changed."""
    run = _find_run_folder(target)
    if not delete_average(run):
        return f"{run.root} samples with its own average already."
    _redraw_pictures(run, device)
    return f"{run.root} samples with its own average again."


def _find_run_folder(target: str) -> RunFolder:
    run = find_run(target)
    if run is None:
        raise RequestError(
            f"{target} is not a run; pass a folder created by `ddpm train --set training.posthoc_ema=24`."
        )
    return run


def _check_out(out: Path) -> None:
    check_writable(out)
    if out.suffix != ".safetensors":
        raise RequestError(f"{out.name} is not a .safetensors file; give --out that suffix.")


def _candidates(request: EmaRequest, averages: SavedAverages) -> list[AverageCandidate]:
    """Return the run's own average and the requested lengths. RequestError if one cannot be built."""
    training, covered = averages.spec.config.training, averages.covered
    lengths = request.lengths or [s for s in DEFAULT_LENGTHS if covered[0] <= s <= covered[1]]
    candidates = [AverageCandidate(relative_length(training.ema, averages.step), 0.0, own=True)]
    for length in sorted(set(lengths)):
        error = averages.solve(length).error if 0 < length <= LONGEST else 1.0
        if error > MAX_FIT_ERROR:
            raise RequestError(
                f"σ_rel {length:g} cannot be built from the averages in {averages.run.root} (error "
                f"{error:.0%}); choose a length from {covered[0]:g} to {covered[1]:g}."
            )
        candidates.append(AverageCandidate(length, error))
    return candidates


def _save_choice(
    request: EmaRequest, averages: SavedAverages, chosen: AverageCandidate
) -> list[str]:
    """Save the chosen average to `request.out` and into the run as requested. Return what was done."""
    run, done = averages.run, []
    name = "the run's own average" if chosen.own else f"the average of σ_rel {chosen.length:g}"
    if request.out is None and not request.apply:
        command = shlex.join(["ddpm", "ema", request.target, "--sigma-rel", f"{chosen.length:g}"])
        advice = "" if chosen.own else f"; let the run sample with it: {command} --apply"
        return [f"smallest distance: {name}{advice}"]
    weights = averages.own if chosen.own else averages.average(chosen.length)
    if request.out is not None:
        spec = averages.sampling_spec()  # the file holds no guide
        spec = spec.with_config(exported_config(spec.config))
        with atomic_file(request.out) as temporary:
            save_weights(temporary, weights, spec)
        done.append(f"{name}: {request.out}")
    if request.apply and chosen.own:
        delete_average(run)
        done.append(f"{run.root} samples with its own average, which has the smallest distance")
    elif request.apply:
        why = {"error": chosen.error, "command": command_line("ema", request)}
        save_average(
            run, ChosenAverage(weights, chosen.length), averages.sampling_spec(), averages.step, why
        )
        undo = shlex.join(["ddpm", "ema", request.target, "--undo"])
        done.append(f"{run.root} now samples with {name}; to undo: {undo}")
    if request.apply:
        _redraw_pictures(run, request.device)
    return done


def _redraw_pictures(run: RunFolder, device: str) -> None:
    """Write the pictures of a finished run again with its present average."""
    model: GenerativeModel = open_model(str(run.root), device).model
    if all(path.is_file() for path in run.pictures(model.spec.config.has_reverse_process)):
        write_final_pictures(run, model)
