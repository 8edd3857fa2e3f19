"""The runs of a hand-in: opened and checked, their pictures, and their notes for the readme."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ddpm.commands.bundle.names as handin
from ddpm.commands.bundle.check import GRID
from ddpm.commands.bundle.readme import RunNote
from ddpm.config import Config
from ddpm.data.catalogue import DATASETS, data_name
from ddpm.data.hub import is_hub_name
from ddpm.errors import RequestError
from ddpm.files import portable_name, real_path, unused_name
from ddpm.loading.models import OpenedModel, open_model
from ddpm.loading.run_summary import run_summary
from ddpm.messages import sentence
from ddpm.models.base import as_diffusion
from ddpm.models.fingerprint import weights_hash
from ddpm.quantities import format_seeds
from ddpm.runs import RunFolder, find_run, read_metrics
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.provenance import grid_comment
from ddpm.sampling.samples import sample_with_progress
from ddpm.terminal import print_line
from ddpm.visuals.curves import loss_figure
from ddpm.visuals.figures import render
from ddpm.visuals.grids import save_grid
from ddpm.visuals.saving import save_picture

SEEDS = tuple(range(GRID[0] * GRID[1]))


@dataclass(frozen=True)
class HandInRun:
    """An opened run of the hand-in: its name there, and the data set and seeds of its grid."""

    opened: OpenedModel
    run: RunFolder
    name: str
    images: str = ""  # "mnist" or "anime" if its pictures are handed in
    seeds: tuple[int, ...] = SEEDS

    @property
    def config(self) -> Config:
        return self.opened.model.spec.config

    @property
    def caption(self) -> str:
        """Return `seeds 0–24, dpm++2m, 20 steps`, and whether the seeds were picked."""
        picked = "" if self.seeds == SEEDS else " (picked)"
        how = sentence(self.opened.model.describe_sampling(self.config.sampling))
        return f"{format_seeds(self.seeds)}{picked}, {how}"


def open_image_run(images: str, target: str, seeds: Sequence[int], device: str) -> HandInRun:
    """Open the run of `--mnist` or `--anime`; RequestError unless it is a diffusion model of that size."""
    part, side = _opened(target, images, device), handin.SIDES[images]
    if as_diffusion(part.opened.model) is None:
        family = part.config.family
        also = ", and this run to --dcgan" if family.is_adversarial else ""
        raise RequestError(
            f"{target} is {family.noun}, not a diffusion model; give --{images} "
            f"{family.required_model}{also}."
        )
    height, width = part.opened.model.spec.image_shape[1:]
    if (height, width) != (side, side):
        raise RequestError(
            f"{target} generates images of {height}x{width}, but {handin.grid_name(images)} shows "
            f"{side}x{side}; give --{images} a run that was trained with data.size={side}."
        )
    return replace(part, images=images, seeds=tuple(seeds))


def open_baselines(targets: Sequence[str], device: str) -> list[HandInRun]:
    """Open the runs of `--dcgan` under unique names."""
    parts: list[HandInRun] = []
    for target in targets:
        part = _opened(target, "", device)
        family = part.config.family
        if not family.is_adversarial:
            raise RequestError(f"{target} is {family.noun}; --dcgan takes the runs of a DCGAN.")
        taken = {*handin.SETS, *(other.name for other in parts)}
        name = unused_name(portable_name(real_path(part.run.root).name), taken)
        parts.append(replace(part, name=name))
    return parts


def _opened(target: str, name: str, device: str) -> HandInRun:
    run = find_run(target)
    if run is None:
        raise RequestError(f"{target} is not a run folder; pass a folder created by ddpm train.")
    return HandInRun(open_model(target, device), run, name)


def write_pictures(folder: Path, part: HandInRun) -> None:
    """Write the grid and the loss of one run as JPEGs whose comments say where they come from."""
    model, settings = part.opened.model, part.config.sampling
    print_line(f"sampling {handin.grid_name(part.images)} from {part.opened.origin}")
    images = sample_with_progress(
        model, part.seeds, choose_labels(model, part.seeds, None), settings
    )
    save_grid(
        folder / handin.grid_name(part.images),
        images,
        *GRID,
        caption=f"{part.caption}, step {part.opened.step}",
        comment=grid_comment(model, settings, part.seeds, None, GRID),
    )
    figure = loss_figure(
        read_metrics(part.run.metrics),
        title=f"{part.run.root.name}: loss",
        note=sentence(part.run.load_environment().get("data", {}).get("held_out_reason")),
    )
    comment = json.dumps({"ddpm-studio": "loss", "run": weights_hash(model)})
    save_picture(folder / handin.loss_name(part.images), render(figure), comment=comment)


def config_files(parts: Sequence[HandInRun]) -> dict[str, bytes]:
    """Return each run's configuration by its name in the zip, where `ddpm train source/runs/NAME` reads it.

    Data sets are named without the author's folders.
    """
    files = {}
    for part in parts:
        data = replace(part.config.data, path=data_name(part.config.data.path))
        text = json.dumps(replace(part.config, data=data).to_dict(), indent=2, ensure_ascii=False)
        files[RunFolder(Path("source/runs") / part.name).config.as_posix()] = f"{text}\n".encode(
            "utf-8", "backslashreplace"
        )
    return files


def run_note(part: HandInRun) -> RunNote:
    """Return the readme's note on a run."""
    path, first = part.config.data.path, part.seeds[0]
    is_consecutive = part.seeds == tuple(range(first, first + len(part.seeds)))
    return RunNote(
        name=part.name,
        model=part.config.model.upper(),
        preset=part.config.preset,
        step=part.opened.step or 0,
        batch_size=part.config.training.batch_size,
        minutes=run_summary(part.run)["minutes"],
        data=path if path in DATASETS or is_hub_name(path) else "IMAGES",
        environment=part.run.load_environment(),
        weights=weights_hash(part.opened.model),
        images=part.images,
        caption=part.caption,
        first_seed=first if is_consecutive else None,
    )
