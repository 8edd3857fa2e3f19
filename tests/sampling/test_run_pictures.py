"""Pictures that a run writes: previews, and the grid, plot and GIF at its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

from ddpm.loading.models import open_model
from ddpm.runs import RunFolder
from ddpm.sampling.run_pictures import write_final_pictures, write_preview
from ddpm.visuals.grid_mark import read_grid_mark


def test_a_finished_run_gets_plot_grid_and_gif(make_run: Callable[..., Path]) -> None:
    run = RunFolder(make_run("mine", (1, 8, 8)))
    model = open_model(str(run.root), "cpu").model
    before = torch.get_rng_state()
    write_preview(run, model, 3)
    write_final_pictures(run, model)
    assert torch.equal(torch.get_rng_state(), before)
    assert run.preview(3).is_file() and all(path.is_file() for path in run.pictures(True))
    with Image.open(run.sample_grid) as picture:
        mark = read_grid_mark(picture)
    assert mark is not None and mark.seeds == tuple(range(25))
    with Image.open(run.denoising) as animation:
        assert animation.n_frames == 21  # type: ignore[attr-defined]
