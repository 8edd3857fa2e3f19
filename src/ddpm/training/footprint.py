"""How much room a whole run takes: the checkpoints that are kept, previews, log and pictures."""

from __future__ import annotations

from dataclasses import dataclass

from ddpm.config import Config
from ddpm.optim.posthoc_ema import snapshot_bytes
from ddpm.training.checkpoint import kept_steps
from ddpm.training.loop import PREVIEW_SHARE, PREVIEW_STEPS
from ddpm.visuals.animations import GIF_FRAMES, MAX_BYTES
from ddpm.visuals.layout import fit_layout

# Bytes, as seen in runs of digits, MNIST and faces.
STATE_FILE = 600
GRID_SIDE = 5  # images
RUN_FILES = 6_000  # config.json and environment.json
LOSS_PLOT = 110_000
GIF_DENSITY = 1.2  # bytes a frame for each pixel row shown and each pixel column of an image


@dataclass(frozen=True)
class TrainingCost:
    """Measured cost of a configuration: seconds, bytes and counts. Memory is None where it cannot be read."""

    images_per_second: float
    utilization: float | None  # of a graphics card's bf16 peak, see commands/plan/flops.py
    seconds_a_step: float
    drawing_seconds: float  # of 25 images by the run's own settings
    training_memory: int | None
    drawing_memory: int | None
    checkpoint: int
    preview: int
    row: int  # of metrics.jsonl, for each step
    heldout_row: int
    shape: tuple[int, int, int]  # of an image: C, H, W
    parameters: dict[str, int]
    precision: str
    drawing: str  # how 25 images are drawn, in words
    moments: int  # of the reverse process, first and last among them


def disk_usage(config: Config, cost: TrainingCost, images: int | None) -> dict[str, int]:
    """Bytes of a finished run by what they are for, and under `checkpoints_kept`, `previews_drawn` counts."""
    training = config.training
    kept, previews = len(_kept(config)), _previews(config, cost)
    epochs = 0 if images is None else training.steps * training.batch_size // images
    heldout = -(-training.steps // training.heldout_every)
    log = training.steps * cost.row + heldout * cost.heldout_row + 80 * epochs
    gif = _gif(cost) if config.has_reverse_process else 0
    parameters = cost.parameters.get("network", 0)
    parts = {
        "averages": snapshot_bytes(parameters, training.steps, training.posthoc_ema),
        "checkpoints": kept * (cost.checkpoint + STATE_FILE),
        "previews": previews * cost.preview,
        "log": log,
        "pictures": LOSS_PLOT + cost.preview + gif,
        "settings": RUN_FILES,
    }
    return {
        "checkpoints_kept": kept,
        "previews_drawn": previews,
        **parts,
        "total": sum(parts.values()),
    }


def _gif(cost: TrainingCost) -> int:
    """Each row of the picture holds the runs of one row of images, which noise keeps short."""
    _, height, width = cost.shape
    shown = fit_layout(GRID_SIDE, GRID_SIDE, (height, width)).size[0]
    frames = min(GIF_FRAMES, cost.moments)
    return min(MAX_BYTES, int(GIF_DENSITY * frames * shown * GRID_SIDE * width))


def _kept(config: Config) -> set[int]:
    """The steps whose checkpoints are there at the end."""
    training = config.training
    return kept_steps(
        [
            *range(training.checkpoint_every, training.steps, training.checkpoint_every),
            training.steps,
        ]
    )


def _previews(config: Config, cost: TrainingCost) -> int:
    """As many as are due, or as there is time for (see `training.loop`)."""
    training = config.training
    due = (training.steps - 1) // training.preview_every
    each = cost.drawing_seconds * min(1.0, PREVIEW_STEPS / max(1, cost.moments - 1))
    allowed = PREVIEW_SHARE * training.steps * cost.seconds_a_step
    return min(due, int(allowed / each)) if each else due
