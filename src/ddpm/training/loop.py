"""The training loop of every model family: batch, training_step, log, held-out loss, preview, checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ddpm.distributed import all_reduce_max
from ddpm.models.base import GenerativeModel, Losses
from ddpm.training.faults import guarded_step
from ddpm.training.interrupt import Interrupt
from ddpm.training.log import Row, TrainingLog

Batch = tuple[Tensor, Tensor | None]  # images [B, C, H, W] in model range, labels [B]
PREVIEW_SHARE = 0.05  # of the time a run may spend on previews


@dataclass(frozen=True)
class Cadence:
    """The total and how often things happen, in optimizer steps."""

    steps: int
    checkpoint_every: int
    preview_every: int
    heldout_every: int
    memorization_every: int = 0  # 0: never


@dataclass(frozen=True)
class Surroundings:
    """What the loop calls; each is made by `workflows.train`, which knows files and data."""

    batch: Callable[[int], Batch]  # step → its batch, whatever was drawn before
    heldout: Batch | None
    log: TrainingLog
    save: Callable[[int, float], None]  # (step, seconds so far)
    preview: Callable[[int], None]
    progress: Callable[[int, Losses], None]  # (step, its losses)
    memorization: Callable[[], Row] = dict  # what the model knows by heart by now
    put_aside: Callable[[int], None] = lambda step: None  # averages, at some of the steps


def train(
    model: GenerativeModel,
    cadence: Cadence,
    around: Surroundings,
    interrupt: Interrupt,
    *,
    start: int = 0,
    seconds: float = 0.0,
) -> int:
    """Train from step `start` to the total or an interrupt; returns the last step, which is saved."""
    began, step = time.perf_counter() - seconds, start
    previewing, longest = 0.0, 0.0  # seconds: of all previews so far, of the longest one
    for step in range(start + 1, cadence.steps + 1):
        images, labels = around.batch(step)
        losses = guarded_step(model, images, labels, step)
        elapsed = time.perf_counter() - began
        around.log.write(
            {"step": step, **losses, "batch": len(images), "seconds": round(elapsed, 3)}
        )
        around.progress(step, losses)
        last = interrupt.is_asked() or step == cadence.steps
        if around.heldout and (step % cadence.heldout_every == 0 or step == cadence.steps):
            heldout = model.heldout_loss(*around.heldout)
            around.log.write({"step": step, **{f"heldout_{k}": v for k, v in heldout.items()}})
        every = cadence.memorization_every
        if every and (step % every == 0 or step == cadence.steps):
            around.log.write({"step": step, **around.memorization()})
        around.put_aside(step)  # before a checkpoint, from which it would not be made up for
        if last or step % cadence.checkpoint_every == 0:
            around.save(step, time.perf_counter() - began)
        if last:
            break
        spare = PREVIEW_SHARE * (elapsed - seconds) - previewing - longest
        if step % cadence.preview_every == 0 and all_reduce_max(spare >= 0):
            before = time.perf_counter()
            around.preview(step)
            took = time.perf_counter() - before
            previewing, longest = previewing + took, max(longest, took)
    return step


PREVIEW_STEPS = 10  # of a cheap solver
