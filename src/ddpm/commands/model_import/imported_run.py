"""Runs made of weights that another program trained."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from ddpm.commands.model_import.course_source import read_course
from ddpm.commands.model_import.diffusers_source import is_diffusers_folder, read_diffusers_folder
from ddpm.commands.model_import.foreign_weights import TORCH_SUFFIXES, read_weights
from ddpm.commands.model_import.import_request import ImportRequest
from ddpm.commands.model_import.imported_model import ImportedModel
from ddpm.commands.model_import.lucidrains_source import is_lucidrains_checkpoint, read_lucidrains
from ddpm.config import Config, check
from ddpm.errors import RequestError
from ddpm.files import check_writable, real_path, write_json
from ddpm.loading.checkpoints import check_finite_weights, load_into
from ddpm.models.base import GenerativeModel
from ddpm.models.registry import check_weights, make_model
from ddpm.models.sizes import TensorSpec
from ddpm.models.spec import ModelSpec
from ddpm.presets import get_preset
from ddpm.runs import RUNS_FOLDER, RunFolder
from ddpm.terminal import print_line
from ddpm.training import checkpoint

_UNKNOWN_STD = 0.5  # of the images; only the objective edm uses it
_FINE_TUNING_RATE = 1e-4


def import_model(request: ImportRequest) -> Path:
    """Write a run folder with the weights at `request.path`; return the folder.

    RequestError: the weights are not supported, or damaged, or the folder exists. Nothing is written then.
    """
    run = RunFolder(request.out or RUNS_FOLDER / _name(request.path))
    if run.root.exists():
        raise RequestError(f"{run.root} exists already; choose a new folder with --out.")
    check_writable(run.config)
    try:
        request.image_size  # noqa: B018  # raises for a text that is not a size
    except ValueError as error:
        raise RequestError(f"--size {request.size} is not a size; pass N or HxW.") from error
    imported = read_model(request)
    spec = imported_spec(imported, request)
    forms = {name: TensorSpec.of(tensor) for name, tensor in imported.tensors.items()}
    check_weights(spec, forms)  # before anything is allocated
    model = make_model(spec)
    check_finite_weights({"ema": imported.tensors}, 0, request.path)
    load_into(model, {"ema": imported.tensors}, request.path)
    _write(run, model, imported, request)
    count = sum(tensor.numel() for tensor in imported.tensors.values())
    print_line(
        f"{request.path}: {imported.source}, {count / 1e6:.2f} million parameters, predicts "
        f"{spec.config.diffusion.objective}, {spec.config.diffusion.schedule} schedule of "
        f"{spec.config.diffusion.num_steps} steps"
    )
    if imported.num_classes:
        print_line(
            f"{imported.num_classes} classes, and nothing learned for “no label”: guidance needs a training "
            f"first (ddpm train {run.root} --data PATH)"
        )
    return run.root


def read_model(request: ImportRequest) -> ImportedModel:
    """Return the model at `request.path`, in any of the supported formats."""
    path = request.path
    if path.is_dir():
        if not is_diffusers_folder(path):
            raise RequestError(f"{path} is not a folder of a diffusers model or pipeline.")
        return read_diffusers_folder(path, request)
    if not path.is_file():
        raise RequestError(f"{path} does not exist.")
    if path.suffix not in (*TORCH_SUFFIXES, ".safetensors"):
        raise RequestError(
            f"{path} is not a weights file: pass a folder of diffusers, or a .pt or .safetensors file."
        )
    values = read_weights(path)
    if is_lucidrains_checkpoint(values):
        return read_lucidrains(values, path, request)
    return read_course(values, path)


def imported_spec(imported: ImportedModel, request: ImportRequest) -> ModelSpec:
    """Return the specification of the run. RequestError: a setting is out of bounds."""
    base = get_preset("folder").config
    channels, height, width = imported.image_shape
    if channels not in (1, 3):
        raise RequestError(
            f"{request.path} generates images of {channels} channels; 1 and 3 are supported."
        )
    data = replace(
        base.data,
        path=request.data or "",
        size=height if height == width else f"{height}x{width}",
        channels=1 if channels == 1 else 3,
        labels=imported.num_classes > 0,
    )
    diffusion: dict[str, Any] = {"num_steps": 1000, **imported.diffusion}
    steps = min(20, diffusion["num_steps"])
    network: dict[str, Any] = {"kind": imported.kind, "layout": imported.layout}
    config = Config(
        preset="folder",
        data=data,
        network=replace(base.network, **network),
        diffusion=replace(Config().diffusion, **diffusion),
        training=replace(base.training, optimizer="adamw", learning_rate=_FINE_TUNING_RATE),
        sampling=replace(Config().sampling, steps=steps, **imported.sampling),
    )
    check(config)
    names = tuple(map(str, range(imported.num_classes)))
    counts = (1,) * imported.num_classes  # unknown: as often as each other
    mean = (0.0,) * channels
    return ModelSpec(config, imported.image_shape, mean, _UNKNOWN_STD, names, counts)


def _write(
    run: RunFolder, model: GenerativeModel, imported: ImportedModel, request: ImportRequest
) -> None:
    """Write configuration, environment and a checkpoint of step 0."""
    spec = model.spec
    digest = hashlib.sha256()
    for file in sorted(request.path.rglob("*")) if request.path.is_dir() else [request.path]:
        if file.is_file():
            digest.update(file.read_bytes())
    checkpoint.save(run.checkpoint(0), model.state(), spec, {"step": 0, "seconds": 0.0})
    record = {"from": imported.source, "name": request.path.name, "sha256": digest.hexdigest()}
    write_json(
        run.environment,
        {"parameters": model.parameter_counts(), "data": {}, "imported": record},
    )
    write_json(run.config, spec.config.to_dict())


def _name(path: Path) -> str:
    return (real_path(path).stem if path.is_file() else real_path(path).name) or "imported"
