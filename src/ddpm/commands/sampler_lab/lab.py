"""`ddpm sampler-lab`: quality against evaluations and seconds of every sampler, and the one to take."""

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
    sampling_cost,
)
from ddpm.commands.sampler_lab.lab_benchmark import (
    FINE_IMAGES,
    Record,
    SamplerBenchmark,
    fine_settings,
)
from ddpm.commands.sampler_lab.lab_request import LabRequest, as_evaluation
from ddpm.commands.sampler_lab.lab_result import (
    describe_default,
    lab_chart,
    save_default,
    summarize,
)
from ddpm.commands.verb_function import takes_fields
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.errors import RequestError
from ddpm.evaluation.paired_distance import DISTANCES, make_paired_distance
from ddpm.files import check_writable, write_json
from ddpm.loading.models import OpenedModel, open_model
from ddpm.models.base import DiffusionModel, as_diffusion
from ddpm.models.fingerprint import weights_hash
from ddpm.quantities import format_duration
from ddpm.runs import RunFolder
from ddpm.sampling.settings import resolve_settings
from ddpm.scoring.generated_images import ModelSamples
from ddpm.scoring.measurement import (
    EvaluationRequest,
    compute_environment,
    describe_real,
    feature_cache,
    feature_network,
    find_real_images,
    usable_count,
)
from ddpm.terminal import Progress, say
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
    began = time.perf_counter()
    opened, model = _open_diffusion_model(request)
    place = RunFolder(_output_folder(request, opened))
    for path in filter(None, (place.sampler_lab, request.json)):
        check_writable(path)
    points = _plan(model, request)
    asked = as_evaluation(request)
    bench, facts = _bench(request, asked, opened, model, place)
    say(_output_message(request, opened, place))
    records = _measure_all(bench, points)
    found = summarize(bench.yardstick, points, records)
    lab = {
        "format": FORMAT,
        "name": opened.name,
        "target": request.target,
        "step": opened.step,
        "weights": bench.weights,
        **facts,
        **found,
        "floor": {**found["floor"], **facts["floor"]},
        "command": command_line("sampler-lab", request),
    }
    chosen = points[lab["recommended"]].settings
    lab["default"] = describe_default(opened, request.target, chosen, request.keep)
    lab["environment"] = {**compute_environment(asked, began), "precision": model.precision}
    save_tradeoff_plot(place.sampler_lab_plot, lab_chart(lab))
    for path in filter(None, (place.sampler_lab, request.json)):
        write_json(path, lab)
    if opened.run is not None and not request.keep:  # last: the record says why
        save_default(opened.run, chosen)
    return lab


def _open_diffusion_model(request: LabRequest) -> tuple[OpenedModel, DiffusionModel]:
    """The model; RequestError where there is nothing to choose."""
    if request.metric not in DISTANCES:
        raise RequestError(
            f"{request.metric} is no distance; --metric is {' or '.join(DISTANCES)}."
        )
    if not request.evaluations or min(request.evaluations) < 1:
        raise RequestError("--evaluations should be whole numbers of at least 1.")
    for key in ("sampling.sampler", "sampling.steps"):
        if any(assignment.split("=")[0].strip() == key for assignment in request.overrides):
            raise RequestError(f"The lab tries {key} itself; use --samplers and --evaluations.")
    opened = open_model(request.target, request.device)
    model = as_diffusion(opened.model)
    if model is None:
        raise RequestError(
            f"{request.target} has one way to draw, so there is no sampler to choose; give a run of a "
            "diffusion model."
        )
    resolve_settings(opened.model, request.overrides)
    return opened, model


def _output_message(request: LabRequest, opened: OpenedModel, place: RunFolder) -> str:
    """What will come of it, before it begins."""
    words = f"writing {place.sampler_lab} and {place.sampler_lab_plot.name}"
    if opened.run is None or request.keep:
        return words
    return (
        f"{words}; the choice becomes the default of {opened.run.root} (--keep leaves that alone)"
    )


def _output_folder(request: LabRequest, opened: OpenedModel) -> Path:
    if request.out is not None:
        return request.out
    return Path(f"{opened.name}-sampler-lab") if opened.run is None else opened.run.root


def _plan(model: DiffusionModel, request: LabRequest) -> list[Candidate]:
    points = plan_candidates(
        model, request.samplers or tuple(SAMPLERS), request.evaluations, request.overrides
    )
    if request.ancestral:
        whole = ancestral_candidate(model, request.overrides)
        points = [*(point for point in points if point.settings != whole.settings), whole]
    return points


def _bench(
    request: LabRequest,
    asked: EvaluationRequest,
    opened: OpenedModel,
    model: DiffusionModel,
    place: RunFolder,
) -> tuple[SamplerBenchmark, dict[str, Any]]:
    """The real images, the feature network and the floor, and what sampler-lab.json says of them."""
    subject = ModelSamples(opened, resolve_settings(model, request.overrides))
    real = find_real_images(asked, subject, request.n)
    n, notes = usable_count(asked, subject, real, request.n)
    network, why = feature_network(asked, real)
    say("measuring the floor")
    sets = (real.reference, real.floor)
    yardstick = make_paired_distance(
        request.metric, sets, network, n, request.seed, feature_cache()
    )
    seeds = range(request.seed, request.seed + n)
    bench = SamplerBenchmark(model, weights_hash(model), yardstick, place.sampler_lab_points, seeds)
    described = describe_real(real)
    facts = {
        "n": n,
        "seeds": [seeds[0], seeds[-1]],
        "metric": request.metric,
        "label": yardstick.label,
        "protocol": yardstick.protocol,
        "network": network.name,
        "network_why": why,
        "reference": described["reference"],
        "floor": described["floor"],
        "notes": notes,
    }
    return bench, facts


def _measure_all(bench: SamplerBenchmark, points: Sequence[Candidate]) -> list[Record]:
    """The record of every point, in order; those that a file holds already are not drawn again."""
    found = [bench.known(point) for point in points]
    missing = [point for point, record in zip(points, found, strict=True) if record is None]
    _print_forecast(bench, points, missing)
    total = sum(point.cost.evaluations for point in missing) * len(bench.seeds)
    done = 0
    with Progress("measuring", total, unit="evaluations") as bar:
        for index, point in enumerate(points):
            if found[index] is not None:
                continue
            needed = point.cost.evaluations

            def advance(images: int, done: int = done, needed: int = needed) -> None:
                bar.reach(done + images * needed)

            bar.reach(done, point.name)
            found[index] = bench.measure(point, advance)
            done += needed * len(bench.seeds)
    return [record for record in found if record is not None]


def _print_forecast(
    bench: SamplerBenchmark, points: Sequence[Candidate], missing: Sequence[Candidate]
) -> None:
    """What will be done, and how long it will take at the pace of a few steps."""
    seeds, known = bench.seeds, len(points) - len(missing)
    say(
        f"{bench.yardstick.label} of {len(points)} settings, each on seeds {seeds[0]}–{seeds[-1]}"
        + (f"; {known} are measured already" if known else "")
    )
    if not missing:
        return
    pace = bench.pace()
    times = [point.cost.evaluations * pace for point in missing]
    fine = sampling_cost(bench.model, fine_settings(bench.model, points[0].settings)).evaluations
    total = sum(times) + fine * pace * min(1.0, FINE_IMAGES / len(seeds))
    evaluations = sum(point.cost.evaluations for point in missing)
    say(f"about {format_duration(total)} of drawing: {evaluations:,} evaluations an image")
    for point, seconds in zip(missing, times, strict=True):
        if point.baseline:
            words = f"{point.name} ({point.cost.evaluations:,} evaluations an image)"
            say(f"of these {format_duration(seconds)} for {words}")
