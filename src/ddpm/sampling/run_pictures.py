"""sampling.run_pictures."""

from __future__ import annotations

from pathlib import Path

from ddpm.data.image_files import Images
from ddpm.distributed import is_main
from ddpm.messages import sentence
from ddpm.models.base import GenerativeModel
from ddpm.runs import RunFolder, read_metrics
from ddpm.sampling.draw import Trajectory, choose_labels, draw_images, draw_with_progress
from ddpm.sampling.provenance import grid_comment
from ddpm.sampling.settings import animation_settings, preview_settings
from ddpm.visuals.animations import GIF_FRAMES, save_denoising_gif
from ddpm.visuals.curves import save_loss_plot
from ddpm.visuals.grids import save_grid


def _write_gif(path: Path, trajectory: Trajectory, rows: int, columns: int) -> Path:
    """The states, evenly spaced in log-SNR."""
    save_denoising_gif(path, trajectory.states, rows, columns)
    return path


def write_preview(run: RunFolder, model: GenerativeModel, step: int) -> None:
    """A 5x5 grid by a cheap solver into the run's previews; touches no training random numbers."""
    cheap = preview_settings(model.spec.config.sampling)
    labels = choose_labels(model, range(25), None)
    images = draw_images(model, range(25), labels, cheap)
    if is_main():
        save_grid(run.preview(step), images, 5, 5, caption=f"step {step}, seeds 0–24")


def write_final_pictures(run: RunFolder, model: GenerativeModel) -> None:
    """The pictures of a finished run: its loss, a 5x5 grid and the reverse process where there is one."""
    config, trajectory = model.spec.config, Trajectory(25, GIF_FRAMES)
    labels = choose_labels(model, range(25), None)
    filmed = animation_settings(model, config.sampling)
    images = draw_with_progress(model, range(25), labels, filmed, trajectory)
    if filmed != config.sampling:  # the grid shows what the run draws by default
        images = draw_with_progress(model, range(25), labels, config.sampling)
    if is_main():
        _write_finished(run, model, images, trajectory)


def _write_finished(
    run: RunFolder, model: GenerativeModel, images: Images, trajectory: Trajectory
) -> None:
    """`write_final_pictures` but for the drawing of the images."""
    config, settings = model.spec.config, model.spec.config.sampling
    save_loss_plot(
        run.loss_plot,
        read_metrics(run.metrics),
        title=f"{run.root.name}: loss",
        note=sentence(run.load_environment().get("data", {}).get("held_out_reason")),
    )
    caption = f"seeds 0–24, {sentence(model.drawing(settings))}, step {config.training.steps}"
    comment = grid_comment(model, settings, range(25), None, (5, 5))
    save_grid(run.sample_grid, images, 5, 5, caption=caption, comment=comment)
    if config.has_reverse_process:
        _write_gif(run.denoising, trajectory, 5, 5)
