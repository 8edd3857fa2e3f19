"""How much disk a training will take, said in one line before it starts."""

from __future__ import annotations

import shutil
from pathlib import Path

from ddpm.config import TrainingConfig
from ddpm.models.base import GenerativeModel
from ddpm.training.checkpoint import kept_steps

ROW = 230  # bytes of metrics.jsonl for each step
NUMBER = 4  # bytes of a weight


def room_words(model: GenerativeModel, folder: Path) -> str:
    """`up to 35.2 MB on disk: …`, or a warning where there is less; `folder` is, or will be, on that disk."""
    training = model.spec.config.training
    each, kept, log = _checkpoint(model), _most_kept(training), training.steps * ROW
    total = kept * each + log + _aside(model)
    words = f"up to {_amount(total)} on disk: {kept} checkpoints of {_amount(each)}"
    words += f", a log of {_amount(log)}; pictures besides"
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if total > free:
        return f"warning: {words}; but only {_amount(free)} are free there: make room"
    return words


def _checkpoint(model: GenerativeModel) -> int:
    """Weights, their average, and the optimizer's moments: two a weight, of Muon one."""
    training = model.spec.config.training
    moments = 1 if training.optimizer == "muon" else 2
    copies = 2 + moments + (2 if training.posthoc_ema else 0)
    return copies * NUMBER * sum(model.parameters().values())


def _aside(model: GenerativeModel) -> int:
    """The averages put aside for `ddpm ema`: two of half precision each time."""
    return model.spec.config.training.posthoc_ema * NUMBER * sum(model.parameters().values())


def _most_kept(training: TrainingConfig) -> int:
    """Checkpoints at the end with the best one among them, and the one being written."""
    every, steps = training.checkpoint_every, training.steps
    saved = [*range(every, steps, every), steps]
    return min(len(kept_steps(saved)) + 1, len(saved)) + 1


def _amount(count: float) -> str:
    """`1.39 MB`, three digits."""
    for unit, word in ((1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:.3g} {word}"
    return f"{count / 1e3:.3g} kB"
