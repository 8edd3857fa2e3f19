"""Total number of steps of a run, computed from steps, epochs or minutes before the first step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from ddpm.config import Config
from ddpm.data.batches import Batches
from ddpm.data.pixels import to_model
from ddpm.device import deterministic_algorithms
from ddpm.distributed import all_reduce_max, run_on_main
from ddpm.models.base import GenerativeModel, Metrics
from ddpm.terminal import print_line
from ddpm.training.faults import OutOfMemoryError, guarded_step
from ddpm.training.recovery import Adjustments

TOTAL_KEYS = ("training.steps", "training.epochs", "training.minutes")
TRIAL_SECONDS = 8.0  # spent on steps of a copy of the model, to convert minutes to steps
TRIAL_SHARE = 0.1  # of the requested minutes, at most
TRIAL_WARMUP = 3  # steps before timing starts
TRIAL_TOTAL = 10**9  # total of the copy, so that timed steps are first ones: see `mean_step_ratio`
OVERHEAD = 0.07  # share of a run outside training steps: previews, held-out loss, checkpoints


def with_requested_total(own: Config, requested: Config) -> Config:
    """Return a run's own configuration with the requested total.

    If both have minutes, the number of steps scales with them.
    """
    before, now = own.training, requested.training
    steps = now.steps
    if now.minutes and before.minutes:
        steps = max(1, round(before.steps * (now.minutes / before.minutes)))
    return replace(
        own, training=replace(before, steps=steps, epochs=now.epochs, minutes=now.minutes)
    )


def with_total_steps(
    config: Config, *, fixed: bool, images: int, measure_step: Callable[[float], float]
) -> Config:
    """Return the configuration with `training.steps` computed from its epochs or minutes.

    `fixed`: `training.steps` was already computed from these minutes. `images`: number of training images.
    `measure_step(seconds)`: trains for `seconds` and returns the seconds per step.
    """
    training = config.training
    steps = training.steps
    if training.minutes and not fixed:
        measured = measure_step(trial_seconds(training.minutes))
        steps = steps_in_minutes(training.minutes, run_on_main(lambda: measured))
    elif training.epochs and not training.minutes:
        steps = math.ceil(training.epochs * images / training.batch_size)
    return replace(config, training=replace(training, steps=steps))


def trial_seconds(minutes: float) -> float:
    """Return the seconds of the requested minutes that are spent on timing steps."""
    return min(TRIAL_SECONDS, TRIAL_SHARE * 60 * minutes)


def steps_in_minutes(minutes: float, seconds_per_step: float) -> int:
    """Return the number of steps that fit into the minutes besides the trial and the overhead; at least 1."""
    return max(1, int((60 * minutes - trial_seconds(minutes)) * (1 - OVERHEAD) / seconds_per_step))


def seconds_per_step(copy: GenerativeModel, batches: Batches, seconds: float) -> float:
    """Train a copy of the model for `seconds` and return the time of a step.

    If memory runs out, halve the micro-batches and try again, as the run will do.
    """
    print_line(f"measuring the first steps for {seconds:g} s")
    training = replace(copy.spec.config.training, steps=TRIAL_TOTAL)
    copy.set_total_steps(replace(copy.spec.config, training=training))
    while True:
        try:
            return time_steps(copy, batches, seconds)[0] * mean_step_ratio(copy)
        except OutOfMemoryError as error:
            fault = error.with_traceback(None)  # a traceback would keep the step's tensors
        config = copy.spec.config
        copy.set_total_steps(Adjustments().after(fault, config).applied(config))


def mean_step_ratio(model: GenerativeModel) -> float:
    """Return the mean time of the steps of a run over that of its first steps: 1 in most families."""
    return float(getattr(model, "mean_step_ratio", 1.0))


def time_steps(
    model: GenerativeModel, batches: Batches, seconds: float
) -> tuple[float, dict[str, float | list[float]]]:
    """Train `model` for `seconds`; return the seconds per step and the losses of the last step.

    OutOfMemoryError if a step does not fit into memory.
    """
    step = 0
    losses: Metrics = {}
    began = time.perf_counter()
    with deterministic_algorithms():  # as in training
        while step <= TRIAL_WARMUP or all_reduce_max(time.perf_counter() - began < seconds):
            if step == TRIAL_WARMUP:
                _synchronize(losses)
                began = time.perf_counter()
            images, labels = batches.batch(step)
            losses = guarded_step(model, to_model(images), labels, step + 1)
            step += 1
        _synchronize(losses)
    step_seconds = (time.perf_counter() - began) / (step - TRIAL_WARMUP)
    return step_seconds, {name: value.tolist() for name, value in losses.items()}


def _synchronize(losses: Metrics) -> None:
    """Wait until the device has finished the step of `losses`."""
    float(next(iter(losses.values())))
