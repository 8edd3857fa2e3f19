"""Weights as a file: a torch state dict, or a safetensors file that describes itself."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ddpm.commands.export.export_request import ExportRequest
from ddpm.files import atomic_file
from ddpm.loading.models import OpenedModel
from ddpm.models.autoguidance import exported_config
from ddpm.terminal import print_line
from ddpm.training.checkpoint import save_weights


def write_state_dict(opened: OpenedModel, request: ExportRequest, path: Path) -> list[Path]:
    """Write a state dict for `torch.load(weights_only=True)`."""
    tensors = _stored(opened, request)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_file(path) as temporary:
        torch.save(plain, temporary)
    return [path]


def write_safetensors(opened: OpenedModel, request: ExportRequest, path: Path) -> list[Path]:
    """Write weights and configuration in one file, for `ddpm sample FILE` and `--init FILE`."""
    spec = opened.model.spec
    config = exported_config(spec.config)
    if config.sampling != spec.config.sampling:
        print_line(
            f"The file leaves out the guide {spec.config.sampling.guide}, so sampling from the "
            "file uses no guide."
        )
    with atomic_file(path) as temporary:
        save_weights(temporary, _stored(opened, request), spec.with_config(config))
    return [path]


def _stored(opened: OpenedModel, request: ExportRequest) -> dict[str, Tensor]:
    """Return the weights in the precision that is asked for."""
    tensors = opened.model.averaged_weights()
    if not request.half:
        return tensors
    return {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}
