"""From what a user names to a model ready to draw: a run folder, a weights file, or bundled weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from importlib import resources
from pathlib import Path

import torch

from ddpm.config import SamplingConfig, load_config, unknown_name_error
from ddpm.device import keep_freed_memory, pick_device
from ddpm.errors import RequestError
from ddpm.loading.checkpoints import check_finite_weights, load_into, newest_checkpoint
from ddpm.loading.chosen_average import load_average
from ddpm.loading.guides import find_guide
from ddpm.models.autoguidance import Guides
from ddpm.models.base import GenerativeModel, as_diffusion
from ddpm.models.registry import check_weights, make_model
from ddpm.optim.state import State
from ddpm.runs import RUNS_FOLDER, RunFolder, find_run, list_runs
from ddpm.training.checkpoint import load_weights

BUNDLED = "bundled:"  # before a name: the weights in the package, whatever lies in runs/


@dataclass(frozen=True)
class OpenedModel:
    """A model, what it was opened from in words, and where it has one its run folder and step."""

    model: GenerativeModel
    name: str
    origin: str
    run: RunFolder | None
    step: int | None = None
    average: float | None = None  # σ_rel, where `ddpm ema` chose what is drawn with


def bundled_names() -> list[str]:
    """Names of the weights inside the package."""
    folder = resources.files("ddpm") / "weights"
    files = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return sorted(
        name.removesuffix(".safetensors") for name in files if name.endswith(".safetensors")
    )


def bundled_name(target: str) -> str | None:
    """The weights in the package that `NAME` or `bundled:NAME` means; None where there are none."""
    name = target.removeprefix(BUNDLED)
    return name if name in bundled_names() else None


def open_model(target: str, device: str = "auto") -> OpenedModel:
    """The model meant by `target`: a run, `runs/target`, a weights file, or bundled weights.

    `bundled:NAME` means the bundled weights even where there is a run of that name. RequestError where
    nothing is called so, where it is damaged, or where a run has no checkpoint yet.
    """
    run, path, where = find_run(target), Path(target), pick_device(device)
    keep_freed_memory()
    if run is not None:
        # the run's file carries the settings it draws with, which may be newer than its weights
        sampling = load_config(run.config).sampling
        found = newest_checkpoint(run, stems=("ema",))
        if found is None:
            raise RequestError(
                f"{run.root} has no checkpoint yet; let the training go on until its first one."
            )
        spec = found.spec.with_config(replace(found.spec.config, sampling=sampling))
        model = make_model(spec, where)
        attach_guides(model, run)
        step = found.progress["step"]
        average = load_average(run, step)
        load_into(model, {"ema": average.tensors} if average else found.state, run.root)
        words = f", average of σ_rel {average.length:g}" if average else ""
        origin = f"the run {run.root}, step {step}{words}"
        return OpenedModel(
            model, run.root.name, origin, run, step, average.length if average else None
        )
    if path.is_file() and path.suffix == ".safetensors":
        return _from_file(path, path.stem, f"the weights {path}", where)
    if (name := bundled_name(target)) is not None:
        called = target.replace(":", "-")  # names files, too
        with resources.as_file(resources.files("ddpm") / "weights" / f"{name}.safetensors") as file:
            return _from_file(file, called, f"the bundled {name} weights", where)
    for folder in filter(Path.is_dir, (path, RUNS_FOLDER / target)):
        raise RequestError(
            f"{folder} is no run, as it has no configuration; give a folder that ddpm train made."
        )
    if path.is_file():
        raise RequestError(
            f"{path} is no weights file of ddpm-studio; give one that ddpm export --to safetensors wrote."
        )
    runs = [run.root.name for run in list_runs(RUNS_FOLDER)]
    raise unknown_name_error(
        "run, weights file or bundled model called", target, [*runs, *bundled_names()]
    )


def _from_file(path: Path, name: str, origin: str, device: torch.device) -> OpenedModel:
    tensors, spec = load_weights(path, check_weights)
    check_finite_weights({"ema": tensors}, 0, path)
    model = make_model(spec, device)
    attach_guides(model, None)
    load_into(model, {"ema": {key: tensor.float() for key, tensor in tensors.items()}}, path)
    return OpenedModel(model, name, origin, None)


def load_initial_weights(target: str) -> State:
    """The weights alone of a run, a weights file or bundled weights (for `--init`)."""
    return {"ema": open_model(target, "cpu").model.averaged_weights()}


def attach_guides(model: GenerativeModel, run: RunFolder | None) -> None:
    """Let `model` find what `sampling.guide` can name: other models, and earlier states of `run`."""
    diffusion = as_diffusion(model)
    if diffusion is not None:
        diffusion.guides = Guides(partial(find_guide, diffusion, run, _model_of))


def check_guide_exists(model: GenerativeModel, run: RunFolder, sampling: SamplingConfig) -> None:
    """Raise RequestError if the guide that the pictures of a resumed run need is gone."""
    diffusion = as_diffusion(model)
    if diffusion is not None and sampling.autoguided:
        find_guide(diffusion, run, _model_of, sampling.guide)


def _model_of(target: str, device: str) -> GenerativeModel:
    return open_model(target, device).model
