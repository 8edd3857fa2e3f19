"""Disk space of a training run: checkpoints, averages, previews, log and pictures."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ddpm.config import Config, TrainingConfig
from ddpm.models.base import GenerativeModel
from ddpm.optim.posthoc_ema import snapshot_bytes
from ddpm.training.checkpoint import steps_kept_at_end
from ddpm.training.loop import PREVIEW_SHARE, PREVIEW_STEPS
from ddpm.visuals.animations import GIF_FRAMES, MAX_BYTES
from ddpm.visuals.layout import fit_layout

GRID_SIDE = 5  # images in a row and in a column of a grid
FLOAT_BYTES = 4  # bytes of a float32 weight
# Bytes, measured on runs of digits, MNIST and faces.
LOG_ROW_BYTES = 230  # of metrics.jsonl, per step
EPOCH_ROW_BYTES = 80
STATE_FILE_BYTES = 600
RUN_FILES_BYTES = 6_000  # config.json and environment.json
LOSS_PLOT_BYTES = 110_000
GIF_DENSITY = 1.2  # per frame, per pixel row of the GIF and per pixel column of the unscaled images


@dataclass(frozen=True)
class TrainingCost:
    """Measured cost of a configuration. Sizes are bytes; memory is None if unknown."""

    images_per_second: float
    utilization: float | None  # of a graphics card's bf16 peak, see commands/plan/flops.py
    seconds_a_step: float
    drawing_seconds: float  # of 25 images by the run's own settings
    training_memory: int | None
    drawing_memory: int | None
    checkpoint: int
    preview: int
    row: int  # of metrics.jsonl, per step
    heldout_row: int
    shape: tuple[int, int, int]  # of an image: C, H, W
    parameters: dict[str, int]  # per network
    precision: str
    drawing: str  # sampler and steps, in words
    moments: int  # number of states of the reverse process, including the first and the last


def disk_usage(config: Config, cost: TrainingCost, images: int | None) -> dict[str, int]:
    """Return the bytes of a finished run by purpose, their `total`, and the number of its files.

    `checkpoints_kept` and `previews_drawn` are counts. `images`: training images; None if unknown.
    """
    training = config.training
    checkpoints, previews = len(_checkpoints_at_end(training)), _preview_count(training, cost)
    epochs = 0 if images is None else training.steps * training.batch_size // images
    heldout_rows = -(-training.steps // training.heldout_every)
    gif = _gif_bytes(cost) if config.has_reverse_process else 0
    weights = cost.parameters.get("network", 0)
    parts = {
        "averages": snapshot_bytes(weights, training.steps, training.posthoc_ema),
        "checkpoints": checkpoints * (cost.checkpoint + STATE_FILE_BYTES),
        "previews": previews * cost.preview,
        "log": training.steps * cost.row
        + heldout_rows * cost.heldout_row
        + epochs * EPOCH_ROW_BYTES,
        "pictures": LOSS_PLOT_BYTES + cost.preview + gif,
        "settings": RUN_FILES_BYTES,
    }
    counts = {"checkpoints_kept": checkpoints, "previews_drawn": previews}
    return {**counts, **parts, "total": sum(parts.values())}


def disk_space_note(model: GenerativeModel, folder: Path) -> str:
    """Return `up to 35.2 MB on disk: …`, as a warning if less than that is free.

    This is an upper bound, computed before the first step. `folder` need not exist yet.
    """
    training = model.spec.config.training
    weights = FLOAT_BYTES * sum(model.parameter_counts().values())
    checkpoint, log = _copies_of_weights(training) * weights, training.steps * LOG_ROW_BYTES
    checkpoints = _max_checkpoints(training)
    averages = training.posthoc_ema * weights  # each snapshot: two fp16 averages of 2 bytes
    total = checkpoints * checkpoint + log + averages
    words = f"up to {_format_size(total)} on disk: {checkpoints} checkpoints of {_format_size(checkpoint)}"
    words += f", a log of {_format_size(log)}; plus pictures"
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if total > free:
        return f"warning: {words}; only {_format_size(free)} are free there. Free some space."
    return words


def _checkpoints_at_end(training: TrainingConfig) -> set[int]:
    """Return the steps whose checkpoints a finished run holds.

    A run keeps the last step of each power-of-two range and the last two steps, so the others are left out
    here: a run of 10^9 steps may save at each of them.
    """
    every, total = training.checkpoint_every, training.steps
    octaves = (min(2**power - 1, total) for power in range(1, total.bit_length() + 1))
    last = (total - 1) // every * every  # before the final step
    saved = {step // every * every for step in octaves} | {last, last - every, total}
    return steps_kept_at_end(sorted(step for step in saved if step > 0))


def _max_checkpoints(training: TrainingConfig) -> int:
    """Return the largest number of checkpoints at any time, including the best and the one being written."""
    saved = (training.steps - 1) // training.checkpoint_every + 1
    return min(len(_checkpoints_at_end(training)) + 1, saved) + 1


def _copies_of_weights(training: TrainingConfig) -> int:
    """Return the number of values per weight in a checkpoint: weight, EMA, moments, post-hoc averages."""
    moments = 1 if training.optimizer == "muon" else 2
    return 2 + moments + (2 if training.posthoc_ema else 0)


def _preview_count(training: TrainingConfig, cost: TrainingCost) -> int:
    """Return the number of previews: all that are due, or as many as `PREVIEW_SHARE` of the time allows."""
    due = (training.steps - 1) // training.preview_every
    preview_seconds = cost.drawing_seconds * min(1.0, PREVIEW_STEPS / max(1, cost.moments - 1))
    allowed = PREVIEW_SHARE * training.steps * cost.seconds_a_step
    return min(due, int(allowed / preview_seconds)) if preview_seconds else due


def _gif_bytes(cost: TrainingCost) -> int:
    """Return the size of denoising.gif. Noise compresses badly, so it grows with the pixels."""
    _, height, width = cost.shape
    rows = fit_layout(GRID_SIDE, GRID_SIDE, (height, width)).size[0]
    frames = min(GIF_FRAMES, cost.moments)
    return min(MAX_BYTES, int(GIF_DENSITY * frames * rows * GRID_SIDE * width))


def _format_size(count: float) -> str:
    """Return `1.39 MB`, three digits."""
    for unit, word in ((1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:.3g} {word}"
    return f"{count / 1e3:.3g} kB"
