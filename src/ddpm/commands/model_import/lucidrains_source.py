"""Checkpoints of denoising-diffusion-pytorch: the settings follow from shapes, betas and loss weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ddpm.commands.model_import.foreign_weights import tensors_of
from ddpm.commands.model_import.import_request import ImportRequest
from ddpm.commands.model_import.imported_model import (
    ImportedModel,
    plain_settings,
    schedule_settings,
)
from ddpm.errors import RequestError
from ddpm.networks.layouts import layout_text

SOURCE = "denoising-diffusion-pytorch"
_PREFIXES = ("ema_model.model.", "model.")  # in the parts `ema` and `model` of a checkpoint
_THETA = 10_000.0
_MIN_SNR = 5.0


def is_lucidrains_checkpoint(values: dict[str, Any]) -> bool:
    """Return whether a file holds the state of a GaussianDiffusion, alone or in a Trainer's checkpoint."""
    inner = values.get("model", values)
    return isinstance(inner, dict) and "model.init_conv.weight" in inner


def read_lucidrains(values: dict[str, Any], path: Path, request: ImportRequest) -> ImportedModel:
    """Return the averaged model of a checkpoint, or the trained one if it has no average.

    RequestError: the image size is not given, or the network has parts that are not supported.
    """
    model = values.get("model", values)
    averaged = values.get("ema")
    tensors: dict[str, Tensor] = {}
    if isinstance(averaged, dict):
        tensors = tensors_of(averaged, _PREFIXES[0])
    tensors = tensors or tensors_of(model, _PREFIXES[1])
    size = request.image_size
    if size is None:
        raise RequestError(
            f"{path} does not say the size of its images: add --size, such as --size 64."
        )
    channels = _final_channels(tensors, path)
    return ImportedModel(
        kind="lucidrains",
        layout=layout_text(_layout(tensors, path)),
        image_shape=(channels, *size),
        diffusion=_diffusion(tensors_of(model), path),
        tensors=tensors,
        source=SOURCE,
    )


def _final_channels(tensors: dict[str, Tensor], path: Path) -> int:
    """Return the channels of an image. RequestError: self-conditioning, or a learned variance."""
    try:
        first, last = tensors["init_conv.weight"].shape[1], tensors["final_conv.weight"].shape[0]
    except (KeyError, IndexError) as error:
        raise _unsupported(path, f"no {error}") from error
    if first != last:
        raise _unsupported(path, f"{first} channels in and {last} out (self-conditioning)")
    return int(first)


def _layout(tensors: dict[str, Tensor], path: Path) -> dict[str, Any]:
    """Return the layout of the network from the shapes of its weights."""
    try:
        if "time_mlp.1.weight" not in tensors:
            raise KeyError("time_mlp.1.weight (a learned time embedding)")
        dim = int(tensors["time_mlp.1.weight"].shape[1])
        levels = 1 + max(
            int(found[1]) for name in tensors if (found := re.match(r"downs\.(\d+)\.", name))
        )
        widths = [
            int(tensors[_last_layer(tensors, level)].shape[0]) for level in range(min(levels, 10))
        ]
        attentions = [_attention(tensors, f"downs.{level}.2") for level in range(min(levels, 10))]
    except (KeyError, IndexError, ValueError) as error:
        raise _unsupported(path, f"no {error}") from error
    if any(width % dim for width in widths):
        raise _unsupported(path, "widths that are no multiples of the first")
    return {
        "dim": dim,
        "init_dim": int(tensors["init_conv.weight"].shape[0]),
        "dim_mults": [width // dim for width in widths],
        "full_attention": [full for full, _, _ in attentions],
        "heads": [heads for _, heads, _ in attentions],
        "dim_head": [size for _, _, size in attentions],
        "theta": _THETA,
    }


def _last_layer(tensors: dict[str, Tensor], level: int) -> str:
    """Return the name of the convolution at the end of a level, which has the width of the next."""
    name = f"downs.{level}.3.weight"
    return name if name in tensors else f"downs.{level}.3.1.weight"


def _attention(tensors: dict[str, Tensor], name: str) -> tuple[bool, int, int]:
    """Return whether an attention is a full one, its heads, and the channels of a head."""
    memory = tensors[f"{name}.mem_kv"].shape  # [2, heads, …]
    full = f"{name}.to_out.weight" in tensors
    return full, int(memory[1]), int(memory[3] if full else memory[2])


def _diffusion(buffers: dict[str, Tensor], path: Path) -> dict[str, Any]:
    """Return the settings of `diffusion` from the stored betas and loss weights."""
    if "betas" not in buffers or "loss_weight" not in buffers:
        raise _unsupported(path, "no betas or loss_weight")
    betas = buffers["betas"].to(torch.float64)
    settings = plain_settings(schedule_settings(betas, str(path)))
    alpha_bars = (1 - betas).cumprod(0)
    snr = alpha_bars / (1 - alpha_bars)
    for weighting, clipped in (("simple", snr), ("min-snr", snr.clamp(max=_MIN_SNR))):
        weights = {"noise": clipped / snr, "x0": clipped, "v": clipped / (snr + 1)}
        for objective, weight in weights.items():
            if torch.allclose(
                weight, buffers["loss_weight"].to(torch.float64), rtol=1e-2, atol=1e-6
            ):
                return {**settings, "objective": objective, "weighting": weighting}
    raise _unsupported(path, "unknown loss weights, so what its network predicts is unknown")


def _unsupported(path: Path, what: str) -> RequestError:
    return RequestError(f"{path} is a checkpoint of {SOURCE} that is not supported: {what}.")
