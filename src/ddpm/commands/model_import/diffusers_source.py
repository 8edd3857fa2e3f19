"""Folders of diffusers: config.json and weights are read here, never by `from_pretrained`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ddpm.commands.model_import.foreign_weights import read_weights, tensors_of
from ddpm.commands.model_import.import_request import ImportRequest
from ddpm.commands.model_import.imported_model import (
    ImportedModel,
    plain_settings,
    schedule_settings,
)
from ddpm.diffusion.schedules import make_schedule
from ddpm.errors import RequestError
from ddpm.files import read_json
from ddpm.networks.diffusers_unet import SETTINGS
from ddpm.networks.layouts import layout_text

CONFIG_NAME = "config" + ".json"  # of diffusers
WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
SCHEDULER = "scheduler_config.json"
OWN_PIPELINE = "DdpmStudioPipeline"  # of ddpm export
OBJECTIVES = {"epsilon": "noise", "v_prediction": "v", "sample": "x0"}
_MAX_JSON = 1 << 20  # bytes
_SIZED = ("in_channels", "out_channels")
_OTHER = ("sample_size", "dropout", "num_train_timesteps")  # without effect on the weights
_CLASSES = ("class_embed_type", "num_class_embeds")
_MOST_CLASSES = 10_000
_CLASS_TABLE = "class_embedding.weight"
_OLD_NAMES = {  # of attention layers, in files of 2022
    ".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0.",
}  # fmt: skip


def read_diffusers_folder(folder: Path, request: ImportRequest) -> ImportedModel:
    """Return the UNet2DModel in a folder: a pipeline's, with unet/ and scheduler/, or the model's own.

    The class embedding gets a row of zeros for "no label".

    RequestError: another class, an unsupported setting, or damaged weights.
    """
    unet = folder / "unet" if (folder / "unet").is_dir() else folder
    config = _read_json(unet / CONFIG_NAME)
    _check_class(config, folder)
    scheduler_path = next(
        (
            place
            for place in (folder / "scheduler" / SCHEDULER, folder / SCHEDULER)
            if place.is_file()
        ),
        None,
    )
    scheduler = {} if scheduler_path is None else _read_json(scheduler_path)
    channels, out = (config.get(name, 3) for name in _SIZED)
    if type(channels) is not int or out not in (channels, 2 * channels):
        raise RequestError(
            f"{folder} has {channels} channels in and {out} out, which is no denoiser."
        )
    path = next((unet / name for name in WEIGHTS if (unet / name).is_file()), None)
    if path is None:
        raise RequestError(f"{unet} holds no weights ({' or '.join(WEIGHTS)}).")
    learned = {"learned_variance": True} if out == 2 * channels else {}
    classes = config.get("num_class_embeds") or 0
    tensors = _renamed(read_weights(path))
    if classes and _CLASS_TABLE in tensors:
        tensors[_CLASS_TABLE] = F.pad(tensors[_CLASS_TABLE], (0, 0, 0, 1))
    return ImportedModel(
        kind="diffusers",
        layout=layout_text(_layout(config, folder)),
        image_shape=(channels, *_image_size(config, request, folder)),
        diffusion={**diffusion_settings(scheduler, folder), **learned},
        tensors={f"unet.{name}": tensor for name, tensor in tensors.items()},
        sampling=sampling_settings(scheduler),
        source="diffusers",
        num_classes=classes,
    )


def is_diffusers_folder(folder: Path) -> bool:
    """Return whether a folder has the layout of a diffusers model or pipeline."""
    return (folder / "unet" / CONFIG_NAME).is_file() or (folder / CONFIG_NAME).is_file()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_JSON:
            raise ValueError("it is too large")
        values = read_json(path)
        if not isinstance(values, dict):
            raise ValueError("it is not an object")
    except (OSError, ValueError) as error:
        raise RequestError(f"{path} is not a readable configuration ({error}).") from error
    return values


def _check_class(config: dict[str, Any], folder: Path) -> None:
    name = config.get("_class_name", "UNet2DModel")
    if name != "UNet2DModel":
        raise RequestError(
            f"{folder} holds a {str(name)[:60]}; ddpm import takes UNet2DModel pipelines."
        )
    embedding, classes = (config.get(key) for key in _CLASSES)
    if embedding is not None:
        raise RequestError(
            f"{folder} has class_embed_type={str(embedding)[:40]}; ddpm import takes classes from a table "
            "alone (class_embed_type null)."
        )
    if classes is not None and not (type(classes) is int and 1 <= classes <= _MOST_CLASSES):
        raise RequestError(
            f"{folder} has num_class_embeds={str(classes)[:40]}; use 1 to {_MOST_CLASSES:,}."
        )
    index = folder / "model_index.json"
    if index.is_file() and OWN_PIPELINE in str(_read_json(index).get("_class_name")):
        raise RequestError(
            f"{folder} was written by ddpm export and samples by its pipeline.py, which is not imported; "
            "pass the run that it was exported from."
        )


def _layout(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the arguments of UNet2DModel, defaults included; RequestError: an impossible value."""
    known = (*SETTINGS, *_SIZED, *_OTHER, *_CLASSES)
    unknown = [name for name in config if name not in known and not name.startswith("_")]
    if unknown:
        raise RequestError(f"{folder} has the setting {unknown[0][:60]}, which is not supported.")
    layout = {}
    for name, (check, default) in SETTINGS.items():
        value = config.get(name, default)
        if not check(value):
            raise RequestError(f"{folder} has {name}={str(value)[:80]}, which is not supported.")
        layout[name] = value
    return layout


def _image_size(config: dict[str, Any], request: ImportRequest, folder: Path) -> tuple[int, int]:
    if request.image_size is not None:
        return request.image_size
    size = config.get("sample_size")
    sides = [size, size] if type(size) is int else size
    if (
        not isinstance(sides, list)
        or len(sides) != 2
        or any(type(side) is not int for side in sides)
    ):
        raise RequestError(
            f"{folder} does not say the size of its images: add --size, such as --size 32."
        )
    if not all(1 <= side <= 4096 for side in sides):
        raise RequestError(f"{folder} has sample_size={sides}; sides of 1 to 4096 are supported.")
    return sides[0], sides[1]


def _renamed(values: dict[str, Any]) -> dict[str, Tensor]:
    """Return the tensors with today's names of attention layers."""
    renamed = {}
    for name, tensor in tensors_of(values).items():
        for old, new in _OLD_NAMES.items():
            name = name.replace(old, new)
        renamed[name] = tensor
    return renamed


def diffusion_settings(scheduler: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the settings of `diffusion` for a scheduler_config.json; {}: those of DDPMScheduler.

    RequestError: betas or a prediction type that this package does not have.
    """
    steps = scheduler.get("num_train_timesteps", 1000)
    prediction = scheduler.get("prediction_type", "epsilon")
    if type(steps) is not int or not 2 <= steps <= 100_000:
        raise RequestError(f"{folder} has num_train_timesteps={str(steps)[:40]}; use 2 to 100,000.")
    if prediction not in OBJECTIVES or scheduler.get("rescale_betas_zero_snr"):
        raise RequestError(
            f"{folder} has prediction_type={str(prediction)[:40]} or rescaled betas, which are not supported."
        )
    betas = _betas(scheduler, steps)
    settings = plain_settings(schedule_settings(betas, str(folder)))
    return {**settings, "objective": OBJECTIVES[prediction]}


def _betas(scheduler: dict[str, Any], steps: int) -> Tensor:
    """Return the betas [T] of a scheduler; NaN for a schedule that is not supported."""
    trained, name = scheduler.get("trained_betas"), scheduler.get("beta_schedule", "linear")
    try:
        if trained is not None:
            return torch.tensor(trained, dtype=torch.float64).reshape(-1)
        if name == "squaredcos_cap_v2":
            return make_schedule("cosine", steps).betas
        if name == "linear":
            ends = (
                float(scheduler.get("beta_start", 1e-4)),
                float(scheduler.get("beta_end", 0.02)),
            )
            return torch.linspace(*ends, steps, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        pass
    return torch.full((steps,), float("nan"), dtype=torch.float64)


def sampling_settings(scheduler: dict[str, Any]) -> dict[str, Any]:
    """Return the clipping and the variance of a scheduler as settings of `sampling`."""
    clip = "static" if scheduler.get("clip_sample", True) else "none"
    if scheduler.get("thresholding"):
        clip = "dynamic"
    large = str(scheduler.get("variance_type", "fixed_small")).startswith("fixed_large")
    return {"clip": clip, "variance": "large" if large else "small"}
