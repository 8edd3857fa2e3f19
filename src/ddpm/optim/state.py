"""optim.state."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ddpm.optim.muon import Muon
from ddpm.optim.sharding import full_tensor, laid_out_like

State = dict[str, dict[str, Tensor]]  # file stem → tensor name → tensor


_OF_ADAM = {"step", "exp_avg", "exp_avg_sq"}  # of each parameter


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as flat tensors, `index.name`."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{name}": value for i, entry in state.items() for name, value in entry.items()}


def load_optimizer_tensors(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`; the tensors are copied.

    Fused Adam walks weights and moments side by side in memory, so each moment is laid out as its weight
    is (channels last, or in parts), whatever layout it was stored in; that comes first, since the
    optimizer itself would take whole tensors to the device. RuntimeError where a tensor is none of its
    state.
    """
    state: dict[int, dict[str, Tensor]] = {}
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        place = int(index) if index.isdecimal() and len(index) < 10 else len(parameters)
        if not _belongs(name, value, parameters[place : place + 1]):
            raise RuntimeError(f"{key} is no state of this optimizer")
        like = parameters[place] if value.shape == parameters[place].shape else value
        state.setdefault(place, {})[name] = laid_out_like(value, like)
    other = any(set(entry) != _OF_ADAM for entry in state.values())
    if other and not isinstance(optimizer, Muon):
        raise RuntimeError("this is the state of another optimizer")  # Muon begins what it misses
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _belongs(name: str, value: Tensor, parameter: list[nn.Parameter]) -> bool:
    """Whether a state tensor is a count of steps, or of the shape of its parameter ([]: there is none).

    Fused Adam looks at no shape on the CPU: it would write beyond a moment that is too short.
    """
    if not parameter:
        return False
    return value.numel() == 1 if name == "step" else value.shape == parameter[0].shape


def full_state(state: State) -> State:
    """The same of a whole state, one tensor after another into the CPU's memory."""
    return {
        stem: {name: full_tensor(tensor.detach()).cpu() for name, tensor in tensors.items()}
        for stem, tensors in state.items()
    }
