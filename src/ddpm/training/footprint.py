"""How much room a whole run takes: the checkpoints that are kept, previews, log and pictures."""

from __future__ import annotations

from ddpm.commands.plan.benchmark import Measured
from ddpm.config import Config
from ddpm.optim.posthoc_ema import snapshot_bytes
from ddpm.training.checkpoint import kept_of
from ddpm.training.loop import PREVIEW_SHARE, PREVIEW_STEPS
from ddpm.visuals.animations import GIF_FRAMES, MAX_BYTES
from ddpm.visuals.layout import fitting_layout

# Bytes, as seen in runs of digits, MNIST and faces.
STATE_FILE = 600
GRID_SIDE = 5  # images
RUN_FILES = 6_000  # config.json and environment.json
LOSS_PLOT = 110_000
GIF_DENSITY = 1.2  # bytes a frame for each pixel row shown and each pixel column of an image


def disk(config: Config, measured: Measured, images: int | None) -> dict[str, int]:
    """Bytes of a finished run by what they are for, and under `checkpoints_kept`, `previews_drawn` counts."""
    training = config.training
    kept, previews = len(_kept(config)), _previews(config, measured)
    epochs = 0 if images is None else training.steps * training.batch_size // images
    heldout = -(-training.steps // training.heldout_every)
    log = training.steps * measured.row + heldout * measured.heldout_row + 80 * epochs
    gif = _gif(measured) if config.has_reverse_process else 0
    parameters = measured.parameters.get("network", 0)
    parts = {
        "averages": snapshot_bytes(parameters, training.steps, training.posthoc_ema),
        "checkpoints": kept * (measured.checkpoint + STATE_FILE),
        "previews": previews * measured.preview,
        "log": log,
        "pictures": LOSS_PLOT + measured.preview + gif,
        "settings": RUN_FILES,
    }
    return {
        "checkpoints_kept": kept,
        "previews_drawn": previews,
        **parts,
        "total": sum(parts.values()),
    }


def _gif(measured: Measured) -> int:
    """Each row of the picture holds the runs of one row of images, which noise keeps short."""
    _, height, width = measured.shape
    shown = fitting_layout(GRID_SIDE, GRID_SIDE, (height, width)).size[0]
    frames = min(GIF_FRAMES, measured.moments)
    return min(MAX_BYTES, int(GIF_DENSITY * frames * shown * GRID_SIDE * width))


def _kept(config: Config) -> set[int]:
    """The steps whose checkpoints are there at the end."""
    training = config.training
    return kept_of(
        [
            *range(training.checkpoint_every, training.steps, training.checkpoint_every),
            training.steps,
        ]
    )


def _previews(config: Config, measured: Measured) -> int:
    """As many as are due, or as there is time for (see `training.loop`)."""
    training = config.training
    due = (training.steps - 1) // training.preview_every
    each = measured.drawing_seconds * min(1.0, PREVIEW_STEPS / max(1, measured.moments - 1))
    allowed = PREVIEW_SHARE * training.steps * measured.seconds_a_step
    return min(due, int(allowed / each)) if each else due
