"""A network in training: weights, optimizer and averages, and one step on one or many processes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from ddpm.config import Config, TrainingConfig
from ddpm.distributed import raise_on_all_ranks, rank_slice, world_size
from ddpm.networks.denoising_network import DenoisingNetwork
from ddpm.networks.dropout import restored_generators
from ddpm.optim.compiling import Compiled, should_compile, try_compiling
from ddpm.optim.ema import Ema
from ddpm.optim.optimizers import learning_rate, make_optimizer
from ddpm.optim.parallel import all_reduce_step
from ddpm.optim.posthoc_ema import PowerEma
from ddpm.optim.sharding import full_tensor, shard, shard_like
from ddpm.optim.state import State, full_state, load_optimizer_tensors, optimizer_tensors


@dataclass(frozen=True)
class TensorBatch:
    """A batch of N items. Subclasses define the fields: tensors [N, ...]; all but the first may be None."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def select(self, items: slice) -> Self:
        """Return the items in a slice."""
        values = (getattr(self, field.name) for field in fields(self))
        return type(self)(*(None if value is None else value[items] for value in values))

    def split(self, size: int) -> Iterator[Self]:
        """Yield micro-batches of `size` items; the last one may be smaller."""
        for start in range(0, len(self), size):
            yield self.select(slice(start, start + size))


Network = TypeVar("Network", bound=nn.Module)
Batch = TypeVar("Batch", bound=TensorBatch)
Loss = Callable[[nn.Module, Batch], Tensor]  # (network, micro-batch) → per-item loss [N]


class Learner(Generic[Network]):
    """A network with its optimizer and the moving averages of its weights.

    Args:
        network: moved to `device`; it is trained.
        config: its section `training` holds the hyperparameters of a step.
        ema: decay of the moving average; None: `training.ema`. 0: the average is the network.
        sharded: each process holds a part of weights, gradients, moments and average (FSDP).
    """

    def __init__(
        self,
        network: Network,
        config: Config,
        device: torch.device,
        *,
        ema: float | None = None,
        sharded: bool = False,
    ) -> None:
        self.config, self.device, self.sharded = config, device, sharded
        initial = "cpu" if sharded else device  # all weights together may only fit on the CPU
        self.network: Network = network.to(initial, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema: Ema[Network] = Ema(self.network, config.training.ema if ema is None else ema)
        self._compiled: Compiled | None = None
        if sharded:
            for whole in dict.fromkeys((self.network, self.ema.network)):
                shard(whole, device)

    @property
    def training(self) -> TrainingConfig:
        """The configuration's section on training."""
        return self.config.training

    @cached_property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimizer, made at the first training step: sampling need not load torch's compiler."""
        return make_optimizer(self.network.parameters(), self.training)

    @cached_property
    def power_ema(self) -> PowerEma | None:
        """The averages that `ddpm ema` chooses from, if the configuration keeps them."""
        return PowerEma(self.network) if self.training.posthoc_ema else None

    def step(self, batch: Batch, loss: Loss[Batch], step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Take one optimizer step down the mean loss of `batch`, each process on its slice of it.

        Returns the per-item loss [N] of the whole batch, and the measurements of `update`.
        """
        network = self.network if self._compiled is None else self._compiled.network
        local = batch.select(rank_slice(len(batch)))
        self.network.train()
        if self.sharded:  # FSDP averages gradients over processes and waits for them inside
            losses = self._accumulate(network, local, loss, len(batch) / world_size())
            per_item = all_reduce_step(losses, len(batch), None)
        else:
            with raise_on_all_ranks():
                losses = self._accumulate(network, local, loss, len(batch))
            per_item = all_reduce_step(losses, len(batch), self.network)
        return per_item, self.update(step)

    def _accumulate(
        self, network: nn.Module, batch: Batch, loss: Loss[Batch], divisor: float
    ) -> Tensor:
        """Add up gradients of sum(loss) / divisor, a micro-batch at a time; return the losses [N]."""
        losses = []
        for part in batch.split(math.ceil(len(batch) / self.training.accumulate)):
            per_item = loss(network, part)
            (per_item.sum() / divisor).backward()  # type: ignore[no-untyped-call]
            losses.append(per_item.detach())
        return torch.cat(losses)

    def descend(self, loss: Tensor, step: int) -> dict[str, Tensor]:
        """Take one optimizer step down `loss` (0-d). Other networks that it depends on get no gradient."""
        loss.backward(inputs=list(self.network.parameters()))  # type: ignore[no-untyped-call]
        return self.update(step)

    def update(self, step: int) -> dict[str, Tensor]:
        """Clip the gradients, apply them at the learning rate of `step`, and update the averages.

        Returns `gradient_norm` (before clipping, 0-d) if gradients are clipped.
        """
        measured = {}
        if self.training.clip:
            norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.training.clip)
            measured["gradient_norm"] = full_tensor(norm)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(step, self.training)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if isinstance(self.network, DenoisingNetwork):
            self.network.normalize_weights()
        self.ema.update(step)
        if self.power_ema is not None:
            self.power_ema.update(step)
        return measured

    def compile(self, make_batch: Callable[[], Batch], loss: Loss[Batch]) -> Compiled:
        """Compile the network that training steps call, once, if the configuration asks for it.

        `make_batch` returns a batch of the sizes of training, on which torch compiles; its gradients are
        discarded. All processes must call this together.
        """

        def try_step(network: nn.Module) -> None:
            batch = make_batch()
            self._accumulate(network, batch.select(rank_slice(len(batch))), loss, 1)

        if self._compiled is None:
            self._compiled = Compiled(self.network)
            if should_compile(self.config, self.device, sharded=self.sharded):
                self.network.train()
                with restored_generators(self.device):  # used by dropout in the trial
                    self._compiled = try_compiling(self.network, try_step)
        return self._compiled

    def parameter_count(self) -> int:
        """Return the number of trained parameters."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    def state(self) -> State:
        """Return `ema`, `weights`, `optimizer` and, if kept, `posthoc`. The next step changes them."""
        state: State = {
            "ema": dict(self.ema.network.state_dict()),
            "weights": dict(self.network.state_dict()),
            "optimizer": optimizer_tensors(self.optimizer),
        }
        if self.power_ema is not None:
            state["posthoc"] = self.power_ema.state()
        return full_state(state) if self.sharded else state

    def averaged_weights(self) -> dict[str, Tensor]:
        """Return the part `ema` of `state`."""
        averaged = dict(self.ema.network.state_dict())
        return full_state({"ema": averaged})["ema"] if self.sharded else averaged

    def load_state(self, state: State) -> None:
        """Copy `state` into the tensors; `ema` or `weights` alone are used for both."""
        weights = state.get("weights", state.get("ema", {}))
        averaged = state.get("ema", weights)
        for network, tensors in ((self.network, weights), (self.ema.network, averaged)):
            network.load_state_dict(shard_like(tensors, network))
        self.network.zero_grad(set_to_none=True)  # gradients of an interrupted step
        if "optimizer" in state:
            load_optimizer_tensors(self.optimizer, state["optimizer"])
        if "posthoc" in state and self.power_ema is not None:
            self.power_ema.load(state["posthoc"])
