"""`ddpm ema`: averages of the weights of any length after the training, and which one draws best."""

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
from ddpm.files import check_writable, replacing, write_json
from ddpm.loading.chosen_average import ChosenAverage, delete_average, save_average
from ddpm.loading.models import open_model
from ddpm.models.base import GenerativeModel
from ddpm.optim.ema import relative_length
from ddpm.optim.posthoc_ema import FAITHFUL, LONGEST
from ddpm.runs import RunFolder, find_run
from ddpm.sampling.run_pictures import write_final_pictures
from ddpm.scoring.measurement import EvaluationRequest, compute_environment
from ddpm.training.checkpoint import save_weights
from ddpm.visuals.ema_lengths import save_ema_length_plot

FORMAT = 2  # 1: sentences in place of messages
DEFAULT_LENGTHS = (
    0.02,
    0.03,
    0.04,
    0.05,
    0.07,
    0.09,
    0.12,
    0.16,
    0.2,
    0.25,
)  # those of them that are covered
DEFAULT_COUNT = 1000


@dataclass(frozen=True)
class EmaRequest:
    """Which lengths of which run, how they are measured, and where the one that is chosen goes."""

    target: str  # a run
    lengths: Sequence[float] = ()  # σ_rel; none: those of TRIED that the run covers
    n: int = DEFAULT_COUNT
    out: Path | None = None  # a weights file
    apply: bool = False  # let the run draw with it
    reference: str | None = None  # real images; None: the model's own training images
    network: str = "auto"
    weights: Path | None = None  # of the feature network, where it takes any
    seed: int = 0  # of the first image
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
    began, run = time.perf_counter(), _find_run_folder(request.target)
    averages = load_saved_averages(run)
    if request.out is not None:
        _check_out(request.out)
    candidates = _candidates(request, averages)
    found: dict[str, Any] = {
        "format": FORMAT,
        "name": run.root.name,
        "target": request.target,
        "step": averages.step,
        "snapshots": len(averages.before) + 1,
        "covered": list(averages.covered),
        "command": command_line("ema", request),
    }
    if len(request.lengths) == 1 and (request.apply or request.out is not None):
        if request.overrides:
            raise RequestError(
                "A single length is kept without measuring it, so --set has nothing to change; leave it out."
            )
        chosen = candidates[-1]
        found |= {"points": [chosen.row()], "chosen": 0}
    else:
        asked = _as_evaluation(request)
        found |= compare_lengths(asked, averages, candidates)
        found["environment"] = compute_environment(asked, began)
        chosen = candidates[found["chosen"]]
        save_ema_length_plot(run.ema_plot, length_chart(found))
        write_json(run.ema, found)
    return {**found, "done": list(_save_choice(request, averages, chosen))}


def restore_own_average(target: str, device: str = "auto") -> str:
    """Let a run draw with its own average again; what was done, in words."""
    run = _find_run_folder(target)
    if not delete_average(run):
        return f"{run.root} draws with its own average already."
    _redraw_pictures(run, device)
    return f"{run.root} draws with its own average again."


def _find_run_folder(target: str) -> RunFolder:
    run = find_run(target)
    if run is None:
        raise RequestError(
            f"{target} is no run; ddpm ema needs the folder of a training that kept averages "
            "(training.posthoc_ema)."
        )
    return run


def _check_out(out: Path) -> None:
    check_writable(out)
    if out.suffix != ".safetensors":
        raise RequestError(f"Weights are kept as .safetensors, not as {out.name}; name --out so.")


def _candidates(request: EmaRequest, averages: SavedAverages) -> list[AverageCandidate]:
    """The run's own average, then the lengths asked for; RequestError where one cannot be made."""
    training, covered = averages.spec.config.training, averages.covered
    asked = request.lengths or [s for s in DEFAULT_LENGTHS if covered[0] <= s <= covered[1]]
    found = [AverageCandidate(relative_length(training.ema, averages.step), 0.0, own=True)]
    for length in sorted(set(asked)):
        error = averages.solve(length).error if 0 < length <= LONGEST else 1.0
        if error > FAITHFUL:
            raise RequestError(
                f"σ_rel {length:g} cannot be made of the averages that {averages.run.root} kept (error "
                f"{error:.0%}); ask for one from {covered[0]:g} to {covered[1]:g}."
            )
        found.append(AverageCandidate(length, error))
    return found


def _as_evaluation(request: EmaRequest) -> EvaluationRequest:
    """What `ddpm evaluate` would be asked for the same protocol."""
    return EvaluationRequest(
        target=request.target,
        reference=request.reference,
        n=request.n,
        network=request.network,
        weights=request.weights,
        seed=request.seed,
        overrides=request.overrides,
        device=request.device,
    )


def _save_choice(
    request: EmaRequest, averages: SavedAverages, chosen: AverageCandidate
) -> list[str]:
    """The chosen average into a file and into the run, where that was asked for; what was done."""
    run, done = averages.run, []
    name = "the run's own average" if chosen.own else f"the average of σ_rel {chosen.length:g}"
    if request.out is None and not request.apply:
        how = shlex.join(["ddpm", "ema", request.target, "--sigma-rel", f"{chosen.length:g}"])
        again = "" if chosen.own else f"; let the run draw with it: {how} --apply"
        return [f"smallest distance: {name}{again}"]
    made = averages.own if chosen.own else averages.average(chosen.length)
    if request.out is not None:
        with replacing(request.out) as temporary:
            save_weights(temporary, made, averages.drawing_spec())
        done.append(f"{name}: {request.out}")
    if request.apply and chosen.own:
        delete_average(run)
        done.append(f"{run.root} draws with its own average, which has the smallest distance")
    elif request.apply:
        why = {"error": chosen.error, "command": command_line("ema", request)}
        save_average(
            run, ChosenAverage(made, chosen.length), averages.drawing_spec(), averages.step, why
        )
        back = shlex.join(["ddpm", "ema", request.target, "--undo"])
        done.append(f"{run.root} draws with {name} from now on; back: {back}")
    if request.apply:
        _redraw_pictures(run, request.device)
    return done


def _redraw_pictures(run: RunFolder, device: str) -> None:
    """The pictures of a finished run once more, with what it draws with now."""
    model: GenerativeModel = open_model(str(run.root), device).model
    if all(path.is_file() for path in run.pictures(model.spec.config.has_reverse_process)):
        write_final_pictures(run, model)
