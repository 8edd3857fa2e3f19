"""`ddpm sampler-lab`: measure samplers at several budgets and recommend one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ddpm.commands.options import command_line
from ddpm.commands.sampler_lab.candidates import (
    Candidate,
    ancestral_candidate,
    plan_candidates,
)
from ddpm.commands.sampler_lab.lab_benchmark import (
    FINE_IMAGES,
    Record,
    SamplerBenchmark,
    fine_settings,
)
from ddpm.commands.sampler_lab.lab_request import LabRequest
from ddpm.commands.sampler_lab.lab_result import (
    describe_default,
    lab_chart,
    save_default,
    summarize,
)
from ddpm.commands.verb_function import takes_fields
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.errors import RequestError
from ddpm.evaluation.paired_distance import DISTANCES
from ddpm.files import check_writable, write_json
from ddpm.loading.models import OpenedModel, open_model
from ddpm.models.base import DiffusionModel, as_diffusion
from ddpm.models.fingerprint import weights_hash
from ddpm.quantities import format_duration
from ddpm.runs import RunFolder
from ddpm.sampling.sampling_cost import sampling_cost
from ddpm.sampling.settings import resolve_settings
from ddpm.scoring.evaluation_request import as_evaluation_request
from ddpm.scoring.paired import prepare_comparison
from ddpm.scoring.scoring_setup import compute_environment
from ddpm.terminal import Progress, print_line
from ddpm.visuals.tradeoffs import save_tradeoff_plot

FORMAT = 2  # 1: sentences in place of messages


@takes_fields(LabRequest)
def sampler_lab(request: LabRequest) -> dict[str, Any]:
    """Measure samplers at several budgets; return sampler-lab.json, which is written with its figure.

    The recommended settings become the run's default unless `keep`. Each setting is measured once and kept
    in a file. RequestError: a model without a reverse process, too few images, an unknown sampler or
    distance, or a budget too small for a sampler.

    >>> found = ddpm.sampler_lab("runs/digits", ["ddim", "unipc"], [2], n=20, keep=True)
    >>> [point["sampler"] for point in found["points"]]
    ['ddim', 'unipc']
    """
    start = time.perf_counter()
    opened, model = _open_diffusion_model(request)
    folder = RunFolder(_output_folder(request, opened))
    for path in filter(None, (folder.sampler_lab, request.json)):
        check_writable(path)
    candidates = _plan(model, request)
    settings = resolve_settings(model, request.overrides)
    comparison = prepare_comparison(
        as_evaluation_request(request), opened, settings, request.metric
    )
    bench = SamplerBenchmark(
        model, weights_hash(model), comparison.distance, folder.sampler_lab_points, comparison.seeds
    )
    print_line(_output_message(request, opened, folder))
    records = _measure_all(bench, candidates)
    summary = summarize(comparison, candidates, records)
    chosen = candidates[summary["recommended"]].settings
    lab = {
        "format": FORMAT,
        "name": opened.name,
        "target": request.target,
        "step": opened.step,
        "weights": bench.weights,
        "metric": request.metric,
        **comparison.facts(),
        **summary,
        "command": command_line("sampler-lab", request),
        "default": describe_default(opened, request.target, chosen, request.keep),
        "environment": {
            **compute_environment(request.device, start),
            "precision": model.precision,
        },
    }
    save_tradeoff_plot(folder.sampler_lab_plot, lab_chart(lab))
    for path in filter(None, (folder.sampler_lab, request.json)):
        write_json(path, lab)
    if opened.run is not None and not request.keep:  # last, so that the record exists first
        save_default(opened.run, chosen)
    return lab


def _open_diffusion_model(request: LabRequest) -> tuple[OpenedModel, DiffusionModel]:
    """Open the model. RequestError if the request is inconsistent or the model has one sampler."""
    if request.metric not in DISTANCES:
        raise RequestError(
            f"{request.metric} is not a distance; use --metric {' or '.join(DISTANCES)}."
        )
    if not request.evaluations or min(request.evaluations) < 1:
        raise RequestError("--evaluations should be whole numbers of at least 1.")
    for key in ("sampling.sampler", "sampling.steps"):
        if any(assignment.split("=")[0].strip() == key for assignment in request.overrides):
            raise RequestError(
                f"The lab varies {key} itself; use --samplers and --evaluations instead."
            )
    opened = open_model(request.target, request.device)
    model = as_diffusion(opened.model)
    if model is None:
        raise RequestError(
            f"{request.target} samples in one way only, so there is no sampler to choose; pass a run of a "
            "diffusion model."
        )
    resolve_settings(opened.model, request.overrides)
    return opened, model


def _output_message(request: LabRequest, opened: OpenedModel, folder: RunFolder) -> str:
    """Return the line that announces what will be written."""
    message = f"writing {folder.sampler_lab} and {folder.sampler_lab_plot.name}"
    if opened.run is None or request.keep:
        return message
    return (
        f"{message}; the recommended settings become the default of {opened.run.root} "
        "(--keep leaves it unchanged)"
    )


def _output_folder(request: LabRequest, opened: OpenedModel) -> Path:
    if request.out is not None:
        return request.out
    return Path(f"{opened.name}-sampler-lab") if opened.run is None else opened.run.root


def _plan(model: DiffusionModel, request: LabRequest) -> list[Candidate]:
    samplers = request.samplers or tuple(SAMPLERS)
    candidates = plan_candidates(model, samplers, request.evaluations, request.overrides)
    if request.ancestral:
        full = ancestral_candidate(model, request.overrides)
        candidates = [*(c for c in candidates if c.settings != full.settings), full]
    return candidates


def _measure_all(bench: SamplerBenchmark, candidates: Sequence[Candidate]) -> list[Record]:
    """Return the record of every candidate, in order. Recorded candidates are not sampled again."""
    records = [bench.load_record(candidate) for candidate in candidates]
    missing = [c for c, record in zip(candidates, records, strict=True) if record is None]
    _print_forecast(bench, candidates, missing)
    total = sum(candidate.cost.evaluations for candidate in missing) * len(bench.seeds)
    done = 0
    with Progress("measuring", total, unit="evaluations") as bar:
        for index, candidate in enumerate(candidates):
            if records[index] is not None:
                continue
            evaluations = candidate.cost.evaluations

            def advance(images: int, done: int = done, evaluations: int = evaluations) -> None:
                bar.advance_to(done + images * evaluations)

            bar.advance_to(done, candidate.name)
            records[index] = bench.measure(candidate, advance)
            done += evaluations * len(bench.seeds)
    return [record for record in records if record is not None]


def _print_forecast(
    bench: SamplerBenchmark, candidates: Sequence[Candidate], missing: Sequence[Candidate]
) -> None:
    """Print what will be measured, and a forecast of the time from a timed chunk."""
    seeds, recorded = bench.seeds, len(candidates) - len(missing)
    print_line(
        f"{bench.distance.label} of {len(candidates)} settings, each on seeds {seeds[0]}–{seeds[-1]}"
        + (f"; {recorded} are measured already" if recorded else "")
    )
    if not missing:
        return
    seconds_each = bench.seconds_per_evaluation()
    times = [candidate.cost.evaluations * seconds_each for candidate in missing]
    fine = sampling_cost(bench.model, fine_settings(bench.model, candidates[0].settings))
    total = sum(times) + fine.evaluations * seconds_each * min(1.0, FINE_IMAGES / len(seeds))
    evaluations = sum(candidate.cost.evaluations for candidate in missing)
    print_line(f"about {format_duration(total)} of sampling: {evaluations:,} evaluations per image")
    for candidate, seconds in zip(missing, times, strict=True):
        if candidate.baseline:
            name = f"{candidate.name} ({candidate.cost.evaluations:,} evaluations per image)"
            print_line(f"of these {format_duration(seconds)} for {name}")
