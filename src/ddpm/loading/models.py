"""Opened models: from a run folder, a weights file or bundled weights to a model ready to sample."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ddpm.config import SamplingConfig, load_config, unknown_name_error, with_early_state
from ddpm.device import keep_freed_memory, pick_device
from ddpm.errors import RequestError
from ddpm.loading.bundled import bundled_file, bundled_name, bundled_names
from ddpm.loading.checkpoints import (
    check_finite_weights,
    load_checkpoint,
    load_into,
    newest_checkpoint,
)
from ddpm.loading.chosen_average import load_average
from ddpm.loading.guides import find_guide
from ddpm.loading.onnx_files import open_onnx
from ddpm.models.autoguidance import Guides, split_guide
from ddpm.models.base import GenerativeModel, as_diffusion
from ddpm.models.registry import check_weights, make_model
from ddpm.models.sizes import TensorSpec
from ddpm.models.spec import ModelSpec
from ddpm.runs import RUNS_FOLDER, RunFolder, find_checkpoint, find_run, list_runs
from ddpm.training.checkpoint import load_weights


@dataclass(frozen=True)
class OpenedModel:
    """A model and where it comes from."""

    model: GenerativeModel
    name: str  # for file names and tables
    origin: str  # for messages: `the run runs/mnist, step 4000`
    run: RunFolder | None  # None: a weights file or bundled weights
    step: int | None = None
    average: float | None = None  # σ_rel of the average chosen by `ddpm ema`


def open_model(target: str | os.PathLike[str], device: str = "auto") -> OpenedModel:
    """Open the model `target`: a run folder, the run `runs/target`, a weights file, or bundled weights.

    A weights file is written by `ddpm export --to safetensors`, or `--to onnx` for sampling alone.

    `RUN/checkpoints/step-00000500` opens the run at that step, as weights without a run folder.

    `bundled:NAME` opens bundled weights even if a run has that name. RequestError if there is no such
    model, if it is damaged, or if the run has no checkpoint yet.

    >>> ddpm.open_model("digits", "cpu").model.spec.image_shape
    (1, 8, 8)
    """
    if not isinstance(target, str | os.PathLike):
        raise RequestError(
            f"The model must be a name or a path, not a value of type {type(target).__name__}."
        )
    target = os.fspath(target)
    run, path, torch_device = find_run(target), Path(target), pick_device(device)
    keep_freed_memory()
    if run is not None:
        return _from_run(run, torch_device)
    if (checkpoint := find_checkpoint(target)) is not None:
        return _from_checkpoint(*checkpoint, torch_device)
    if path.is_file() and path.suffix == ".safetensors":
        return _from_file(path, path.stem, f"the weights {path}", torch_device)
    if path.is_file() and path.suffix == ".onnx":
        return _from_onnx(path)
    if (name := bundled_name(target)) is not None:
        file_name = target.replace(":", "-")
        with bundled_file(name) as file:
            return _from_file(file, file_name, f"the bundled {name} weights", torch_device)
    raise _unknown_model_error(target)


def attach_guides(
    model: GenerativeModel,
    run: RunFolder | None,
    *,
    step: int | None = None,
    stored: Mapping[str, Tensor] | None = None,
) -> None:
    """Let `model` find the guides of `sampling.guide`: other models, and earlier states of `run`.

    The guide `early` is replaced by the state it stands for. `step`: of the run, None: its newest. `stored`:
    the earlier state in the weights file of a model without a run.
    """
    diffusion = as_diffusion(model)
    if diffusion is None:
        return
    find, config = partial(find_guide, diffusion, run, _open), model.spec.config
    if stored:
        name = config.sampling.guide
        diffusion.guides = Guides(lambda asked: stored if asked == name else find(asked), name)
        return
    early = run.early_state(step) if run else ""
    diffusion.guides = Guides(find, early)
    sampling = with_early_state(config.sampling, early)
    model.spec = model.spec.with_config(replace(config, sampling=sampling))


def check_guide_exists(model: GenerativeModel, run: RunFolder, sampling: SamplingConfig) -> None:
    """Raise RequestError if the guide for the final pictures of a run is missing."""
    diffusion = as_diffusion(model)
    sampling = with_early_state(sampling, run.early_state())
    if diffusion is not None and sampling.autoguided:
        find_guide(diffusion, run, _open, sampling.guide)


def _open(target: str, device: str) -> GenerativeModel:
    return open_model(target, device).model


def _from_run(run: RunFolder, device: torch.device) -> OpenedModel:
    """Open the newest checkpoint of a run, with the average that `ddpm ema` chose, if any."""
    sampling = load_config(run.config).sampling  # may be newer than the checkpoint
    found = newest_checkpoint(run, stems=("ema",))
    if found is None:
        raise RequestError(
            f"{run.root} has no checkpoint yet. Continue its training until it saves one."
        )
    model = make_model(
        found.spec.with_config(replace(found.spec.config, sampling=sampling)), device
    )
    attach_guides(model, run)
    step = found.progress["step"]
    origin = f"the run {run.root}, step {step}"
    average = load_average(run, step)
    if average is None:
        load_into(model, found.state, run.root)
        return OpenedModel(model, run.root.name, origin, run, step)
    load_into(model, {"ema": average.tensors}, run.root)
    origin += f", average of σ_rel {average.length:g}"
    return OpenedModel(model, run.root.name, origin, run, step, average.length)


def _from_checkpoint(run: RunFolder, step: int, device: torch.device) -> OpenedModel:
    """Open one checkpoint of a run. Its pictures and scores do not replace those of the run."""
    steps = run.checkpoint_steps()
    if step not in steps:
        saved = ", ".join(map(str, steps)) or "none"
        raise RequestError(
            f"{run.root} has no checkpoint of step {step}; its checkpoints: {saved}."
        )
    found = load_checkpoint(run, step, stems=("ema",))
    model = make_model(found.spec, device)
    attach_guides(model, run, step=step)
    load_into(model, found.state, run.checkpoint(step))
    origin = f"the run {run.root}, step {step}"
    return OpenedModel(model, f"{run.root.name}-step-{step}", origin, None, step)


def _from_file(path: Path, name: str, origin: str, device: torch.device) -> OpenedModel:
    tensors, spec = load_weights(path, _check_file)
    check_finite_weights({"ema": tensors}, 0, path)
    own, guide = split_guide({key: tensor.float() for key, tensor in tensors.items()})
    model = make_model(spec, device)
    attach_guides(model, None, stored=guide)
    load_into(model, {"ema": own}, path)
    return OpenedModel(model, name, origin, None)


def _check_file(spec: ModelSpec, found: Mapping[str, TensorSpec]) -> None:
    """Raise RequestError unless a weights file holds the weights of its model and of its guide, if any."""
    own, guide = split_guide(found)
    check_weights(spec, own)
    if guide and guide != own:
        raise RequestError("The guide in this file does not have the tensors of its model.")


def _from_onnx(path: Path) -> OpenedModel:
    model = open_onnx(path)
    attach_guides(model, None)
    return OpenedModel(model, path.stem, f"the ONNX file {path}", None)


def _unknown_model_error(target: str) -> RequestError:
    """Return the error for a target that is not a model; it suggests the nearest names."""
    path = Path(target)
    for folder in filter(Path.is_dir, (path, RUNS_FOLDER / target)):
        return RequestError(
            f"{folder} is not a run folder: it has no config.json. Pass a folder created by ddpm train."
        )
    if path.is_file():
        return RequestError(
            f"{path} is not a weights file of ddpm-studio. Pass a file written by "
            "ddpm export --to safetensors or --to onnx."
        )
    runs = [run.root.name for run in list_runs(RUNS_FOLDER)]
    return unknown_name_error(
        "run, weights file or bundled model called", target, [*bundled_names(), *runs]
    )
