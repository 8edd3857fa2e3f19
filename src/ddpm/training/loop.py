"""The training loop of every model family: step, log, held-out loss, checkpoint, preview."""

from __future__ import annotations

import time
from typing import Protocol

from torch import Tensor

from ddpm.distributed import all_reduce_max
from ddpm.models.base import GenerativeModel, Metrics
from ddpm.training.faults import guarded_step
from ddpm.training.interrupt import Interrupt
from ddpm.training.log import Row

Batch = tuple[Tensor, Tensor | None]  # images [N, C, H, W] in [-1, 1], labels [N]
PREVIEW_SHARE = 0.05  # largest share of the training time for previews
PREVIEW_STEPS = 10  # sampling steps of a preview


class TrainingSession(Protocol):
    """Interface of a training run to the loop: its model, batches and files."""

    model: GenerativeModel
    heldout: Batch | None  # images of the held-out loss; None: nothing is held out

    def batch(self, step: int) -> Batch:
        """Return the batch of `step`, which depends on the seed and the step alone."""

    def log(self, row: Row) -> None:
        """Append a row to the log."""

    def report(self, step: int, losses: Metrics) -> None:
        """Show that `step` is done."""

    def check_memorization(self) -> Row:
        """Measure the held-out gap and the share of copies."""

    def save_snapshot(self, step: int) -> None:
        """Save the averages for `ddpm ema`, if they are due at `step`."""

    def save(self, step: int, seconds: float) -> None:
        """Write the checkpoint of `step`, reached after `seconds` of training."""

    def preview(self, step: int) -> None:
        """Sample a grid of images."""


def train(
    session: TrainingSession, interrupt: Interrupt, *, start: int = 0, seconds: float = 0.0
) -> int:
    """Train from step `start` to the total or to an interrupt, and return the last step, which is saved.

    `seconds`: training time before `start`.
    """
    model, training = session.model, session.model.spec.config.training
    began, step = time.perf_counter() - seconds, start
    preview_seconds, longest_preview = 0.0, 0.0
    for step in range(start + 1, training.steps + 1):
        images, labels = session.batch(step)
        losses = guarded_step(model, images, labels, step)
        elapsed = time.perf_counter() - began
        session.log({"step": step, **losses, "batch": len(images), "seconds": round(elapsed, 3)})
        session.report(step, losses)
        is_last = step == training.steps
        is_stopping = interrupt.is_requested() or is_last
        if session.heldout and (is_last or step % training.heldout_every == 0):
            heldout = model.heldout_loss(*session.heldout)
            session.log({"step": step, **{f"heldout_{name}": x for name, x in heldout.items()}})
        every = training.memorization_every  # 0: never
        if every and (is_last or step % every == 0):
            session.log({"step": step, **session.check_memorization()})
        # before the checkpoint: a run that resumes from it does not repeat this step
        session.save_snapshot(step)
        if is_stopping or step % training.checkpoint_every == 0:
            session.save(step, time.perf_counter() - began)
        if is_stopping:
            break
        spare = PREVIEW_SHARE * (elapsed - seconds) - preview_seconds - longest_preview
        if step % training.preview_every == 0 and all_reduce_max(spare >= 0):
            before = time.perf_counter()
            session.preview(step)
            took = time.perf_counter() - before
            preview_seconds, longest_preview = preview_seconds + took, max(longest_preview, took)
    return step
