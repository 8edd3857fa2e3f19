"""One step of several processes: each learns from its slice of the batch, and their gradients are added.

Every process draws the numbers of the whole batch, so each image meets the noise that a single process
would give it. What follows the sum (clipping, the optimizer, the average) is computed alike everywhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import Tensor, nn

from ddpm.config import Config
from ddpm.distributed import (
    ProcessLostError,
    all_reduce_sum,
    raised_on_all_ranks,
    rank,
    rank_slice,
    world_size,
)
from ddpm.errors import RequestError, is_out_of_memory


def all_reduce_step(losses: Tensor, count: int, network: nn.Module | None) -> Tensor:
    """The losses [count] of a batch from those of this process's slice of it, in the batch's order.

    In the same message the gradients of `network`, where one is given, become their sums over all.
    """
    if world_size() == 1:
        return losses
    everyone = losses.new_zeros(count)
    everyone[rank_slice(count)] = losses
    parameters = () if network is None else network.parameters()
    all_reduce_sum([everyone, *(p.grad for p in parameters if p.grad is not None)])
    return everyone


@contextlib.contextmanager
def step_on_all_ranks() -> Iterator[None]:
    """Of several processes an error inside ends the work, unless all have it: the others cannot know."""
    try:
        yield
    except (ProcessLostError, RequestError):
        raise
    except (MemoryError, RuntimeError) as error:
        if world_size() == 1 or raised_on_all_ranks(error):
            raise
        words = (
            "had no memory for its part of a step; raise training.accumulate or start more processes"
            if is_out_of_memory(error)
            else f"failed within a step ({error}); give the same command again to go on"
        )
        raise ProcessLostError(f"Process {rank()} {words}.") from error


def check_shared(config: Config) -> None:
    """RequestError where several processes cannot train this model together."""
    if world_size() == 1:
        return
    if config.model == "dcgan":
        raise RequestError(
            "A DCGAN's batch normalization needs each batch whole, so it is trained by one process: "
            "start ddpm train without torchrun."
        )
    if config.model != "ddpm":
        raise RequestError(
            "A few-step student is trained by one process: start the training without torchrun."
        )
    batch = config.training.batch_size
    if batch < world_size():
        raise RequestError(
            f"A batch of {batch} cannot be shared by {world_size()} processes: start at most {batch}, or "
            "raise training.batch_size."
        )
