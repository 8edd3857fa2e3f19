"""Sharding of training state that does not fit one device: weights, gradients, moments and averages.

FSDP2 (torch.distributed.fsdp.fully_shard): each process holds a part of every tensor, and a block's
weights are gathered while it computes. Files hold whole tensors.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ddpm.networks.denoising_network import DenoisingNetwork


def shard(network: nn.Module, device: torch.device) -> None:
    """Shard every parameter over the processes, on `device`; one stage at a time is gathered."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    for stage in network.stages() if isinstance(network, DenoisingNetwork) else ():
        fully_shard(stage, mesh=mesh)
    fully_shard(network, mesh=mesh)
    # the output is a view; it is never written to
    warnings.filterwarnings("ignore", "FSDP2-wrapped module", UserWarning)


def full_tensor(tensor: Tensor) -> Tensor:
    """Return the tensor, gathered if it is sharded; all processes must call this together."""
    gather = getattr(tensor, "full_tensor", None)
    return tensor if gather is None else gather()


def copy_with_layout(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a copy of a whole tensor with the device, strides and sharding of `like`."""
    is_sharded = hasattr(like, "full_tensor")
    return local_part(tensor, like) if is_sharded else torch.empty_like(like).copy_(tensor)


def local_part(tensor: Tensor, like: Tensor) -> Tensor:
    """Return this process's part of a whole tensor if `like` is sharded, else the tensor itself."""
    if not hasattr(like, "full_tensor"):
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    moved = tensor.to(like.device, like.dtype)
    return distribute_tensor(moved, like.device_mesh, like.placements, src_data_rank=None)


def shard_like(tensors: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return whole tensors in the form that `network.load_state_dict` takes: sharded like its own."""
    parts = {name: p for name, p in network.named_parameters() if hasattr(p, "full_tensor")}
    return {
        name: copy_with_layout(tensor, parts[name]) if name in parts else tensor
        for name, tensor in tensors.items()
    }
