"""A run's total: steps, epochs or minutes, fixed as a number of steps before the first one."""

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
from ddpm.models.base import GenerativeModel, Losses
from ddpm.terminal import say
from ddpm.training.faults import OutOfMemoryError, guarded_step
from ddpm.training.recovery import Adjustments

TOTALS = ("training.steps", "training.epochs", "training.minutes")
TRIAL_SECONDS = 8.0  # of throw-away steps on a copy, to turn minutes into steps
TRIAL_SHARE = 0.1  # of the minutes asked for, at most
TRIAL_WARMUP = 3  # steps that are not timed
OVERHEAD = 0.07  # share of a run that is not training steps: previews, held-out loss, checkpoints


def with_requested_total(own: Config, asked: Config) -> Config:
    """A run's own configuration with the total now asked for.

    The same minutes as before keep the number of steps that was fixed then; more minutes scale it.
    """
    before, now = own.training, asked.training
    steps = now.steps
    if now.minutes and before.minutes:
        steps = max(1, round(before.steps * (now.minutes / before.minutes)))
    return replace(
        own, training=replace(before, steps=steps, epochs=now.epochs, minutes=now.minutes)
    )


def with_total_steps(
    config: Config, *, fixed: bool, images: int, measure_step: Callable[[float], float]
) -> Config:
    """The configuration with `training.steps` made from its epochs or minutes.

    `fixed`: the steps of these minutes are known from before, so that nothing is measured.
    `measure_step`: measures the time of a step within the seconds it is given.
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
    """How long of the minutes steps are tried, to learn how many fit."""
    return min(TRIAL_SECONDS, TRIAL_SHARE * 60 * minutes)


def steps_in_minutes(minutes: float, seconds_per_step: float) -> int:
    """The steps that the minutes have room for beside their trial and what is no step; at least one."""
    return max(1, int((60 * minutes - trial_seconds(minutes)) * (1 - OVERHEAD) / seconds_per_step))


def seconds_per_step(copy: GenerativeModel, batches: Batches, seconds: float) -> float:
    """Measured for `seconds` on a copy of the model that is thrown away: the run itself starts untouched.

    Where memory does not suffice it goes on in micro-batches of half the size, as the run will.
    """
    say(f"measuring the first steps for {seconds:g} s")
    while True:
        try:
            return time_steps(copy, batches, seconds)[0]
        except OutOfMemoryError as error:
            fault = error.with_traceback(None)  # which would keep the step's tensors
        config = copy.spec.config
        copy.set_total(Adjustments().after(fault, config).applied(config))


def time_steps(
    model: GenerativeModel, batches: Batches, seconds: float
) -> tuple[float, dict[str, float | list[float]]]:
    """Train `model` for `seconds`: the time of a step, and what the last one measured.

    OutOfMemoryError where a step does not fit into memory.
    """
    step = 0
    losses: Losses = {}
    began = time.perf_counter()
    with deterministic_algorithms():  # as the run itself
        while step <= TRIAL_WARMUP or all_reduce_max(time.perf_counter() - began < seconds):
            if step == TRIAL_WARMUP:
                _wait(losses)
                began = time.perf_counter()
            images, labels = batches.batch(step)
            losses = guarded_step(model, to_model(images), labels, step + 1)
            step += 1
        _wait(losses)
    each = (time.perf_counter() - began) / (step - TRIAL_WARMUP)
    return each, {name: value.tolist() for name, value in losses.items()}


def _wait(losses: Losses) -> None:
    """Until the device has done the step that they are of; between steps a run does not wait either."""
    float(next(iter(losses.values())))
