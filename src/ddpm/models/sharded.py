"""Training in parts, for networks that do not fit: which models are made so, and how they are drawn from."""

from __future__ import annotations

import torch

from ddpm.config import Config
from ddpm.distributed import world_size
from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel
from ddpm.models.ddpm import Ddpm
from ddpm.models.sizes import check_size
from ddpm.models.spec import ModelSpec


def make_sharded(spec: ModelSpec, device: torch.device) -> GenerativeModel:
    """The diffusion model that `spec` describes, untrained, each process holding a part of it on `device`.

    RequestError where it is too large for the CPU's memory, in which it is made.
    """
    check_size(spec, Ddpm)
    return Ddpm(spec, device, in_parts=True)


def gather_model(model: GenerativeModel) -> GenerativeModel:
    """`model`, or where it lies in parts one with its averaged weights gathered: all must ask together."""
    return model.gathered() if isinstance(model, Ddpm) and model.sharded else model


def check_shardable(config: Config) -> None:
    """RequestError where training in parts is not possible."""
    if world_size() == 1:
        raise RequestError(
            "--shard spreads a training over several processes: start them with torchrun, or leave it out."
        )
    if config.model != "ddpm":
        raise RequestError("--shard is for diffusion models alone; leave it out.")
    if config.training.compile == "on":
        raise RequestError(
            "With --shard nothing is compiled, as weights are gathered block by block: leave "
            "training.compile=on out."
        )
    if config.training.batch_size % world_size():
        raise RequestError(
            f"With --shard every process takes as many images: training.batch_size must be a multiple of "
            f"{world_size()}."
        )
