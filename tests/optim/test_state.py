"""State of optimizers as named tensors."""

from __future__ import annotations

import copy

import pytest
import torch

from ddpm.optim.state import full_state, load_optimizer_tensors, optimizer_tensors
from tests.optim.steps import KINDS, make, take_steps


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_state_goes_on_bit_for_bit(kind: str) -> None:
    network, optimizer = make(kind)
    take_steps(network, optimizer, range(3))
    tensors = {
        name: tensor.clone(memory_format=torch.contiguous_format)  # as a file stores it
        for name, tensor in optimizer_tensors(optimizer).items()
    }
    resumed, fresh = make(kind)
    resumed.load_state_dict(network.state_dict())
    load_optimizer_tensors(fresh, tensors)
    take_steps(network, optimizer, range(3, 6))
    take_steps(resumed, fresh, range(3, 6))
    for a, b in zip(network.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)
    ours = optimizer_tensors(optimizer)
    assert all(torch.equal(ours[name], t) for name, t in optimizer_tensors(fresh).items())


@pytest.mark.parametrize("kind", KINDS)
def test_loading_copies(kind: str) -> None:
    network, optimizer = make(kind)
    take_steps(network, optimizer, range(1))
    tensors = {name: t.clone() for name, t in optimizer_tensors(optimizer).items()}
    before = copy.deepcopy(tensors)
    load_optimizer_tensors(optimizer, tensors)
    take_steps(network, optimizer, range(1, 2))
    assert all(torch.equal(tensors[name], before[name]) for name in before)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("adam", {"exp_avg", "exp_avg_sq", "step"}),
        ("adamw", {"exp_avg", "exp_avg_sq", "step"}),
        ("muon", {"momentum", "exp_avg", "exp_avg_sq", "step"}),
    ],
)
def test_state_is_flat_named_tensors(kind: str, names: set[str]) -> None:
    network, optimizer = make(kind)
    assert optimizer_tensors(optimizer) == {}
    take_steps(network, optimizer, range(1))
    keys = [key.split(".") for key in optimizer_tensors(optimizer)]
    assert {int(index) for index, _ in keys} == set(range(len(list(network.parameters()))))
    assert {name for _, name in keys} == names


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"99.exp_avg": torch.zeros(2)}, "99.exp_avg is not part"),
        (
            {"0.exp_avg": torch.zeros(1)},
            "0.exp_avg is not part",
        ),  # fused Adam would write past its end
        ({"x.step": torch.zeros(1)}, "x.step is not part"),
        ({"0.momentum": None}, "state of another optimizer"),
    ],
)
def test_the_state_of_another_network_or_optimizer_is_refused(
    changes: dict[str, torch.Tensor | None], words: str
) -> None:
    network, optimizer = make("adam")
    take_steps(network, optimizer, range(1))
    tensors = optimizer_tensors(optimizer)
    more = {name: tensors["0.exp_avg"] if t is None else t for name, t in changes.items()}
    with pytest.raises(RuntimeError, match=words):
        load_optimizer_tensors(optimizer, {**tensors, **more})


def test_a_full_state_is_plain_tensors_on_the_cpu() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    [(stem, tensors)] = full_state({"ema": {"w": weight}}).items()
    assert stem == "ema" and not tensors["w"].requires_grad and torch.equal(tensors["w"], weight)
