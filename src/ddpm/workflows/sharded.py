"""Training in parts, for networks that do not fit: which models are made so, and how they are drawn from."""

from __future__ import annotations

import torch

from ddpm.config import Config
from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec
from ddpm.processes import size
from ddpm.workflows.teaching import Maker


def in_parts(make: Maker) -> Maker:
    """The same models, each process holding a part of every one."""

    def parted(spec: ModelSpec, device: torch.device) -> GenerativeModel:
        model = make(spec, device)
        assert isinstance(model, Ddpm)
        model.shard()
        return model

    return parted


def whole(model: GenerativeModel) -> GenerativeModel:
    """`model`, or where it lies in parts one with its averaged weights gathered: all must ask together."""
    return model.gathered() if isinstance(model, Ddpm) and model.sharded else model


def check_parts(config: Config) -> None:
    """RequestError where training in parts is not possible."""
    if size() == 1:
        raise RequestError(
            "--shard spreads a training over several processes: start them with torchrun, or leave it out."
        )
    if config.model != "ddpm":
        raise RequestError("--shard is for diffusion models alone; leave it out.")
    if config.training.batch_size % size():
        raise RequestError(
            f"With --shard every process takes as many images: training.batch_size must be a multiple of "
            f"{size()}."
        )
