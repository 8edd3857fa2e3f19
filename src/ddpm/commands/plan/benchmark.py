"""Benchmark of a configuration on this machine: time, memory and bytes of a few steps. Writes nothing."""

from __future__ import annotations

import json
import time

import torch

from ddpm.commands.plan.flops import utilization
from ddpm.config import EARLY_GUIDE
from ddpm.data.pixels import to_uint8
from ddpm.device import keep_freed_memory, peak_memory, reset_peak_memory, resolve_precision
from ddpm.errors import WorkError
from ddpm.loading.models import attach_guides
from ddpm.loading.offline import OfflineData
from ddpm.messages import sentence
from ddpm.models.autoguidance import exported_config, guidances
from ddpm.models.base import Frame, GenerativeModel
from ddpm.models.memory_limits import check_batch_memory
from ddpm.models.registry import make_model
from ddpm.sampling.labels import choose_labels
from ddpm.terminal import print_line
from ddpm.training import checkpoint
from ddpm.training.budget import time_steps
from ddpm.training.faults import OutOfMemoryError
from ddpm.training.footprint import TrainingCost
from ddpm.visuals.grids import grid_png_size

STEP_SECONDS = 8.0  # time to measure training steps, after the warm-up
DRAW_SECONDS = 5.0  # time to measure sampling; the rest is extrapolated
PREVIEW_IMAGES = 25


def measure(data: OfflineData, device: torch.device, seconds: float = STEP_SECONDS) -> TrainingCost:
    """Sample from an untrained model, train it for `seconds`, and return the measured cost.

    WorkError if the device has too little memory.
    """
    keep_freed_memory()
    # an untrained model has no earlier state to guide it, which costs as much as the model itself
    config, own = exported_config(data.spec.config), data.spec.config.sampling
    guided_early = own.guide == EARLY_GUIDE and own.autoguided
    labelled, (low, high) = data.spec.num_classes > 0, own.guidance_interval
    passes = [
        1 + (high - low) * len(guidances(sampling, labelled=labelled))
        for sampling in (own, config.sampling)
    ]
    print_line(
        f"measuring: {DRAW_SECONDS:g} s of sampling at most, {seconds:g} s of training steps"
    )
    reset_peak_memory(device)
    model = make_model(data.spec.with_config(config), device)
    check_batch_memory(model)
    attach_guides(model, None)
    drawing_seconds, moments = _time_sampling(model)
    drawing_memory = peak_memory(device)
    reset_peak_memory(device)
    data.batches.move_to(device)
    try:
        step_seconds, losses = time_steps(model, data.batches, seconds)
    except OutOfMemoryError as error:
        raise WorkError(
            f"{error} Use a larger training.accumulate or a smaller training.batch_size."
        ) from None
    training_memory = peak_memory(device)
    batch = config.training.batch_size
    row = {"step": 10_000, **losses, "batch": batch, "seconds": 1000.123}
    heldout = {"step": 10_000, **{f"heldout_{name}": value for name, value in losses.items()}}
    images, _ = data.batches.batch(0)
    shown = images.repeat(-(-PREVIEW_IMAGES // len(images)), 1, 1, 1)[:PREVIEW_IMAGES]
    return TrainingCost(
        images_per_second=batch / step_seconds,
        utilization=utilization(model, images, batch / step_seconds),
        seconds_a_step=step_seconds,
        drawing_seconds=drawing_seconds * (passes[0] / passes[1] if guided_early else 1.0),
        training_memory=training_memory,
        drawing_memory=drawing_memory,
        checkpoint=checkpoint.weights_bytes(model.state(), data.spec),
        preview=grid_png_size(shown.cpu().numpy(), 5, 5),
        row=len(json.dumps(row)) + 1,
        heldout_row=len(json.dumps(heldout)) + 1,
        shape=data.spec.image_shape,
        parameters=model.parameter_counts(),
        precision=resolve_precision(config.training.precision, device),
        drawing=sentence(model.describe_sampling(own if guided_early else config.sampling)),
        moments=moments,
    )


def _time_sampling(model: GenerativeModel) -> tuple[float, int]:
    """Return the seconds to sample 25 images (extrapolated if long) and the number of time points."""
    settings = model.spec.config.sampling
    labels = choose_labels(model, range(settings.chunk), None)
    began = time.perf_counter()
    frames = model.trajectory(range(settings.chunk), labels, settings)
    steps, frame = 0, next(iter(frames))
    total = frame.remaining
    for frame in frames:
        steps += 1
        _synchronize(frame)
        if time.perf_counter() - began >= DRAW_SECONDS:
            break
    _synchronize(frame)
    spent = time.perf_counter() - began
    return spent * (total / steps if steps else 1.0) * PREVIEW_IMAGES / settings.chunk, total + 1


def _synchronize(frame: Frame) -> None:
    """Wait until the device has computed `frame`."""
    to_uint8(frame.x[:1]).sum().item()
