"""Networks whose training does not fit one device: weights, gradients, moments and average lie in parts.

By FSDP2 (torch.distributed.fsdp.fully_shard): each process holds a part of every tensor, and a block's
weights are gathered while it computes. Files hold whole tensors, as ever.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ddpm.networks.denoiser import DenoisingNetwork


def shard(network: nn.Module, device: torch.device) -> None:
    """Give each process its part of every parameter, on `device`; whole there is one block at a time."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    for stage in network.stages() if isinstance(network, DenoisingNetwork) else ():
        fully_shard(stage, mesh=mesh)
    fully_shard(network, mesh=mesh)
    # the output is a view, which nobody writes into
    warnings.filterwarnings("ignore", "FSDP2-wrapped module", UserWarning)


def full_tensor(tensor: Tensor) -> Tensor:
    """The tensor gathered, where it lies in parts: all processes must ask together."""
    gather = getattr(tensor, "full_tensor", None)
    return tensor if gather is None else gather()


def laid_out_like(tensor: Tensor, like: Tensor) -> Tensor:
    """A copy of a whole tensor as `like` lies: its device and order in memory, in parts where that is."""
    parted = hasattr(like, "full_tensor")
    return local_part(tensor, like) if parted else torch.empty_like(like).copy_(tensor)


def local_part(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's part of a whole tensor, where `like` lies in parts; else the tensor itself."""
    if not hasattr(like, "full_tensor"):
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    there = tensor.to(like.device, like.dtype)
    return distribute_tensor(there, like.device_mesh, like.placements, src_data_rank=None)


def shard_like(tensors: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Whole tensors as `load_state_dict` of `network` takes them: in parts where its own are."""
    parts = {name: p for name, p in network.named_parameters() if hasattr(p, "full_tensor")}
    return {
        name: laid_out_like(tensor, parts[name]) if name in parts else tensor
        for name, tensor in tensors.items()
    }
