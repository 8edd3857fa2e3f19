"""One training step on several processes: each takes a slice of the batch, and gradients are summed.

Every process draws the random numbers of the whole batch, so each image gets the noise that a single
process would give it. Clipping, optimizer and averages are then computed on every process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import Tensor, nn

from ddpm.config import Config
from ddpm.distributed import (
    ProcessLostError,
    all_reduce_sum,
    rank,
    rank_slice,
    was_raised_on_all_ranks,
    world_size,
)
from ddpm.errors import RequestError, is_out_of_memory


def all_reduce_step(losses: Tensor, count: int, network: nn.Module | None) -> Tensor:
    """Return the losses [count] of a whole batch, given those of this process's slice of it.

    The gradients of `network`, if given, are replaced by their sums over processes, in the same all-reduce.
    """
    if world_size() == 1:
        return losses
    gathered = losses.new_zeros(count)
    gathered[rank_slice(count)] = losses
    parameters = () if network is None else network.parameters()
    all_reduce_sum([gathered, *(p.grad for p in parameters if p.grad is not None)])
    return gathered


@contextlib.contextmanager
def step_on_all_ranks() -> Iterator[None]:
    """Raise ProcessLostError for an error of this process alone, since the other processes do not see it."""
    try:
        yield
    except (ProcessLostError, RequestError):
        raise
    except (MemoryError, RuntimeError) as error:
        if world_size() == 1 or was_raised_on_all_ranks(error):
            raise
        fault = (
            "ran out of memory in a step; raise training.accumulate or start more processes"
            if is_out_of_memory(error)
            else f"failed within a step ({error}); run the same command again to resume"
        )
        raise ProcessLostError(f"Process {rank()} {fault}.") from error


def check_multi_process(config: Config) -> None:
    """Raise RequestError if several processes cannot train this model together."""
    if world_size() == 1:
        return
    if config.family.single_process_reason:
        raise RequestError(config.family.single_process_reason)
    batch = config.training.batch_size
    if batch < world_size():
        raise RequestError(
            f"A batch of {batch} images cannot be split over {world_size()} processes: start at most "
            f"{batch}, or raise training.batch_size."
        )


def check_sharding(config: Config) -> None:
    """Raise RequestError if the training state cannot be sharded over the processes (--shard)."""
    if world_size() == 1:
        raise RequestError(
            "--shard spreads a training over several processes: start them with torchrun, or leave it out."
        )
    if not config.family.can_shard:
        raise RequestError("--shard works with diffusion models only: leave it out.")
    if config.training.compile == "on":
        raise RequestError(
            "--shard gathers weights block by block, so nothing can be compiled: leave "
            "training.compile=on out."
        )
    if config.training.batch_size % world_size():
        raise RequestError(
            "--shard gives every process the same number of images: set training.batch_size to a "
            f"multiple of {world_size()}."
        )
