"""Plan of a training run, measured on this machine: time, memory, disk, and the likely result."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from ddpm.commands.options import command_line
from ddpm.commands.plan.benchmark import measure
from ddpm.commands.plan.proposals import Variant, narrower_networks, proposals
from ddpm.commands.plan.recorded_runs import expectation, recorded_runs
from ddpm.commands.verb_function import takes_fields
from ddpm.config import Config, ScaleName
from ddpm.device import pick_device
from ddpm.errors import RequestError
from ddpm.loading.offline import OfflineData, offline_data
from ddpm.loading.recipes import TrainingRequest
from ddpm.loading.targets import Target, TargetRequest, read_target
from ddpm.models.autoguidance import check_no_guide
from ddpm.presets import PRESETS
from ddpm.training.budget import OVERHEAD, with_total_steps
from ddpm.training.footprint import TrainingCost, disk_usage

TRY_SECONDS = 4.0  # time to measure the steps of a smaller network
SMALLER_SCALES: dict[ScaleName, tuple[ScaleName, ...]] = {
    "big-gpu": ("small-gpu", "cpu"),
    "small-gpu": ("cpu",),
    "cpu": (),
}


@dataclass(frozen=True)
class PlanRequest(TargetRequest):
    """Arguments of `ddpm plan`: a preset, a configuration file or a run, with changes."""

    minutes: float | None = None  # time to propose settings for; None: no proposals


@takes_fields(PlanRequest)
def plan(request: PlanRequest) -> dict[str, Any]:
    """Measure a few training steps and return the estimate as plain values. Nothing is written.

    Keys: `seconds`, `steps`, `images_per_second`, `disk` (bytes), `expect` (the result of similar runs), …;
    with `minutes` also `proposals`. RequestError if the target or its images are not
    found.

    >>> found = ddpm.plan("digits", device="cpu", overrides=["network.channels=16"])
    >>> found["shape"], found["steps"]
    ([1, 8, 8], 600)
    """
    target = read_target(request, runs_first=False)
    if target.config.family.has_teacher:
        raise RequestError(
            "A few-step student takes a fifth of its teacher's training time (ddpm distill). Plan the "
            "teacher instead."
        )
    if target.run is None:
        check_no_guide(target.config)
    where = pick_device(request.device)
    images = offline_data(target.config)
    measured = measure(images, where)
    config = _with_total_steps(target.config, images, measured)
    seen = config.training.steps * config.training.batch_size
    rows = recorded_runs(config)
    found = {
        "target": target.origin,
        "scale": config.scale,
        "init": target.init,
        "images": images.note,
        "device": _device_name(where),
        **asdict(measured),
        "shape": list(measured.shape),
        "steps": config.training.steps,
        "batch_size": config.training.batch_size,
        "images_seen": seen,
        "epochs": None if images.images is None else seen / images.images,
        "seconds": config.training.steps * measured.seconds_a_step / (1 - OVERHEAD),
        "disk": disk_usage(config, measured, images.images),
        "recorded": rows,
        "expect": expectation(config, seen, rows, images.images),
    }
    if request.minutes is not None:
        found |= _proposals(request, target, found, rows)
    return found


def _with_total_steps(config: Config, images: OfflineData, measured: TrainingCost) -> Config:
    """Return the configuration with its total as a number of steps."""
    if config.training.epochs and not config.training.minutes and images.images is None:
        raise RequestError(
            f"The number of steps in {config.training.epochs:g} epochs depends on the images. Name them "
            "with --data, or give a total with --set training.epochs=0 --set training.steps=N."
        )
    return with_total_steps(
        config,
        fixed=False,
        images=images.images or 1,
        measure_step=lambda seconds: measured.seconds_a_step,
    )


def _proposals(
    request: PlanRequest, target: Target, found: dict[str, Any], rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return proposals for `request.minutes`: the recipe, and smaller networks if it sees too few images.

    Enough means the images of the longest recorded run, or of the whole recipe if no run is recorded.
    """
    assert request.minutes is not None
    minutes, where = request.minutes, pick_device(request.device)
    enough = rows[-1]["images_seen"] if rows else found["images_seen"]

    def speed(smaller: Config) -> float:
        return measure(offline_data(smaller), where, TRY_SECONDS).images_per_second

    fitting = proposals(
        target.config,
        found["images_per_second"],
        minutes,
        enough,
        itertools.chain(_smaller_scales(request, target.config), narrower_networks(target.config)),
        speed,
    )
    proposal_rows = [
        {**proposal.row(), "command": _train_command(request, target, proposal.options)}
        for proposal in fitting
    ]
    return {"minutes": minutes, "wanted": enough, "proposals": proposal_rows}


def _smaller_scales(request: PlanRequest, config: Config) -> Iterator[Variant]:
    """Yield the preset's sizes for smaller devices."""
    scales = SMALLER_SCALES[config.scale] if request.target in PRESETS else ()
    for scale in scales:
        smaller = read_target(replace(request, scale=scale), runs_first=False)
        yield Variant(smaller.config, f" --scale {scale}")


def _train_command(request: PlanRequest, target: Target, options: str) -> str | None:
    """Return the command that trains a proposal; None for a bare configuration file."""
    if request.target not in PRESETS and target.run is None:
        return None
    training = TrainingRequest(
        target=request.target if target.run is None else str(target.run.root),
        data=request.data,
        minutes=request.minutes,
        scale=None if "--scale" in options else request.scale,
        overrides=request.overrides,
    )
    return command_line("train", training) + options


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"
