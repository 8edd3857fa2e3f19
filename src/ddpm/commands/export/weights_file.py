"""Weights as a file: a torch state dict, or a safetensors file that describes itself."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ddpm.commands.export.export_request import ExportRequest
from ddpm.files import atomic_file
from ddpm.loading.models import OpenedModel
from ddpm.models.autoguidance import exported_config, is_own_state, with_guide
from ddpm.models.base import as_diffusion
from ddpm.terminal import print_line
from ddpm.training.checkpoint import save_weights
from ddpm.training.eight_bit import quantize


def write_state_dict(opened: OpenedModel, request: ExportRequest, path: Path) -> list[Path]:
    """Write a state dict for `torch.load(weights_only=True)`."""
    tensors = _stored(opened.model.averaged_weights(), request)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_file(path) as temporary:
        torch.save(plain, temporary)
    return [path]


def write_safetensors(opened: OpenedModel, request: ExportRequest, path: Path) -> list[Path]:
    """Write weights and configuration in one file, for `ddpm sample FILE` and `--init FILE`.

    An earlier state of the run that guides the model is written as well.
    """
    spec, tensors = opened.model.spec, opened.model.averaged_weights()
    config, diffusion = spec.config, as_diffusion(opened.model)
    if diffusion is not None and config.sampling.autoguided and is_own_state(config.sampling):
        guide = diffusion.guide(config.sampling.guide).network.state_dict()
        tensors = with_guide(tensors, {name: guide[name] for name in tensors})
    else:
        config = exported_config(config)
    if config.sampling != spec.config.sampling:
        print_line(
            f"The file leaves out the guide {spec.config.sampling.guide}, so sampling from the "
            "file uses no guide."
        )
    with atomic_file(path) as temporary:
        save_weights(temporary, _stored(tensors, request), spec.with_config(config))
    return [path]


def _stored(tensors: dict[str, Tensor], request: ExportRequest) -> dict[str, Tensor]:
    """Return the weights in the precision that is asked for."""
    if request.eight_bit:
        return quantize(tensors)
    if not request.half:
        return tensors
    return {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}
