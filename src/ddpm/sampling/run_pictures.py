"""Pictures of a run: previews during training, and loss plot, sample grid and GIF at its end."""

from __future__ import annotations

from ddpm.data.image_files import Images
from ddpm.distributed import is_main
from ddpm.messages import sentence
from ddpm.models.base import GenerativeModel
from ddpm.runs import RunFolder, read_metrics
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.provenance import grid_comment
from ddpm.sampling.samples import Trajectory, sample_images, sample_with_progress
from ddpm.sampling.settings import animation_settings, preview_settings
from ddpm.visuals.animations import GIF_FRAMES, save_denoising_gif
from ddpm.visuals.curves import save_loss_plot
from ddpm.visuals.grids import save_grid

_ROWS = _COLUMNS = 5
_SEEDS = range(_ROWS * _COLUMNS)
_SEEDS_CAPTION = f"seeds {_SEEDS[0]}–{_SEEDS[-1]}"


def write_preview(run: RunFolder, model: GenerativeModel, step: int) -> None:
    """Write a 5x5 grid of quick samples into the run's previews.

    Sampling does not touch the random numbers of training.
    """
    settings = preview_settings(model.spec.config.sampling)
    images = sample_images(model, _SEEDS, choose_labels(model, _SEEDS, None), settings)
    if is_main():
        caption = f"step {step}, {_SEEDS_CAPTION}"
        save_grid(run.preview(step), images, _ROWS, _COLUMNS, caption=caption)


def write_final_pictures(run: RunFolder, model: GenerativeModel) -> None:
    """Write the pictures of a finished run: loss plot, 5x5 grid, and GIF of the reverse process.

    A family without a reverse process gets no GIF.
    """
    default, trajectory = model.spec.config.sampling, Trajectory(len(_SEEDS), GIF_FRAMES)
    labels = choose_labels(model, _SEEDS, None)
    animated = animation_settings(model, default)
    images = sample_with_progress(model, _SEEDS, labels, animated, trajectory)
    if animated != default:  # the grid shows the run's default settings
        images = sample_with_progress(model, _SEEDS, labels, default)
    if is_main():
        _save_final_pictures(run, model, images, trajectory)


def _save_final_pictures(
    run: RunFolder, model: GenerativeModel, images: Images, trajectory: Trajectory
) -> None:
    config, settings = model.spec.config, model.spec.config.sampling
    save_loss_plot(
        run.loss_plot,
        read_metrics(run.metrics),
        title=f"{run.root.name}: loss",
        note=sentence(run.load_environment().get("data", {}).get("held_out_reason")),
    )
    caption = f"{_SEEDS_CAPTION}, {sentence(model.describe_sampling(settings))}, step {config.training.steps}"
    comment = grid_comment(model, settings, _SEEDS, None, (_ROWS, _COLUMNS))
    save_grid(run.sample_grid, images, _ROWS, _COLUMNS, caption=caption, comment=comment)
    if config.has_reverse_process:
        save_denoising_gif(run.denoising, trajectory.states, _ROWS, _COLUMNS)
