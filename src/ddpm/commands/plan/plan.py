"""`ddpm plan`: what a training will take on this machine and what may come of it, before it is begun."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from ddpm.commands.plan.benchmark import measure
from ddpm.commands.plan.proposals import Change, narrower, proposals
from ddpm.commands.plan.recorded_runs import expectation, recorded_runs
from ddpm.config import Config, ScaleName
from ddpm.device import pick_device
from ddpm.errors import RequestError
from ddpm.loading.offline import OfflineData, offline_data
from ddpm.loading.targets import Target, TargetRequest, read_target
from ddpm.models.autoguidance import check_no_guide
from ddpm.presets import PRESETS
from ddpm.training.budget import OVERHEAD, with_total_steps
from ddpm.training.footprint import TrainingCost, disk_usage

TRY_SECONDS = 4.0  # of the steps of a smaller network
LOWER: dict[ScaleName, tuple[ScaleName, ...]] = {
    "big-gpu": ("small-gpu", "cpu"),
    "small-gpu": ("cpu",),
    "cpu": (),
}


@dataclass(frozen=True)
class PlanRequest:
    """What is planned; `minutes`: how long it may take, None for the recipe's own end."""

    asked: TargetRequest
    minutes: float | None = None


def plan(request: PlanRequest) -> dict[str, Any]:
    """Measure a few steps and work out the rest, as plain values. Nothing is written.

    RequestError where the images cannot be found, or how many they are must be known and is not.
    """
    asked = request.asked
    target = read_target(asked, runs_first=False)
    if target.config.family.is_distilled:
        raise RequestError(
            "A few-step student takes a fifth of its teacher's training time (ddpm distill); plan that one."
        )
    if target.run is None:
        check_no_guide(target.config)
    where = pick_device(asked.device)
    images = offline_data(target.config)
    measured = measure(images, where)
    config = _whole(target.config, images, measured)
    seen = config.training.steps * config.training.batch_size
    rows = recorded_runs(config)
    found = {
        "target": target.origin,
        "scale": config.scale,
        "images": images.note,
        "device": _device_words(where),
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
        found |= _within(request, target, found, rows)
    return found


def _whole(config: Config, images: OfflineData, measured: TrainingCost) -> Config:
    """The configuration with its total as a number of steps."""
    if config.training.epochs and not config.training.minutes and images.images is None:
        raise RequestError(
            f"How many steps {config.training.epochs:g} epochs are depends on the images; give them "
            "with --data, or a total with --set training.epochs=0 --set training.steps=N."
        )
    return with_total_steps(
        config,
        fixed=False,
        images=images.images or 1,
        measure_step=lambda seconds: measured.seconds_a_step,
    )


def _within(
    request: PlanRequest, target: Target, found: dict[str, Any], rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """What fits the minutes asked for; fewer images than the longest recorded run has seen are too few."""
    assert request.minutes is not None
    asked, where = request.asked, pick_device(request.asked.device)
    wanted = rows[-1]["images_seen"] if rows else found["images_seen"]

    def speed(smaller: Config) -> float:
        return measure(offline_data(smaller), where, TRY_SECONDS).images_per_second

    fitting = proposals(
        target.config,
        found["images_per_second"],
        request.minutes,
        wanted,
        itertools.chain(_lower(asked, target.config), narrower(target.config)),
        speed,
    )
    given = [
        {**proposal.row(), "command": _command(asked, target, proposal.options, request.minutes)}
        for proposal in fitting
    ]
    return {"minutes": request.minutes, "wanted": wanted, "proposals": given}


def _lower(asked: TargetRequest, config: Config) -> Iterator[Change]:
    """The preset in the sizes for smaller devices, where it has any."""
    scales = LOWER[config.scale] if asked.target in PRESETS else ()
    for scale in scales:
        lower = read_target(replace(asked, scale=scale), runs_first=False)
        yield Change(lower.config, f" --scale {scale}")


def _command(asked: TargetRequest, target: Target, options: str, minutes: float) -> str | None:
    """What to type; None for a bare configuration file, which `ddpm train` does not take."""
    if asked.target not in PRESETS and target.run is None:
        return None
    parts = ["ddpm", "train", asked.target if target.run is None else str(target.run.root)]
    parts += [] if asked.data is None else ["--data", asked.data]
    parts += [] if asked.scale is None or "--scale" in options else ["--scale", asked.scale]
    parts += [part for text in asked.overrides for part in ("--set", text)]
    return f"{shlex.join(parts)}{options} --minutes {minutes:g}"


def _device_words(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"
