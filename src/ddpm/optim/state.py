"""Training state as named tensors, as files hold it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ddpm.optim.muon import Muon
from ddpm.optim.sharding import copy_with_layout, full_tensor

State = dict[str, dict[str, Tensor]]  # file stem → tensor name → tensor


_ADAM_STATE = {"step", "exp_avg", "exp_avg_sq"}  # of each parameter


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state as tensors named `index.name`, by parameter index."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{name}": value for i, entry in state.items() for name, value in entry.items()}


def load_optimizer_tensors(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Copy what `optimizer_tensors` returned into an optimizer.

    Each moment gets the layout of its weight (channels last, or sharded), which fused Adam relies on.
    It is done before `load_state_dict`, which would move whole tensors to the device. RuntimeError: a
    tensor is not part of this optimizer's state.
    """
    state: dict[int, dict[str, Tensor]] = {}
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        place = int(index) if index.isdecimal() and len(index) < 10 else len(parameters)
        if not _belongs(name, value, parameters[place : place + 1]):
            raise RuntimeError(f"{key} is not part of this optimizer's state")
        like = parameters[place] if value.shape == parameters[place].shape else value
        state.setdefault(place, {})[name] = copy_with_layout(value, like)
    is_other = any(set(entry) != _ADAM_STATE for entry in state.values())
    if is_other and not isinstance(optimizer, Muon):
        raise RuntimeError(
            "this is the state of another optimizer"
        )  # Muon initializes missing state
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _belongs(name: str, value: Tensor, parameter: list[nn.Parameter]) -> bool:
    """Return whether a state tensor is a step count, or has its parameter's shape ([]: no parameter).

    Fused Adam checks no shapes on the CPU: it would write past the end of a moment that is too short.
    """
    if not parameter:
        return False
    return value.numel() == 1 if name == "step" else value.shape == parameter[0].shape


def full_state(state: State) -> State:
    """Return a state with gathered tensors, one after another, in the CPU's memory."""
    return {
        stem: {name: full_tensor(tensor.detach()).cpu() for name, tensor in tensors.items()}
        for stem, tensors in state.items()
    }
