"""Sharding of one process's tensors; several processes: tests/distributed."""

from __future__ import annotations

import torch
from torch import nn

from ddpm.optim.sharding import copy_with_layout, full_tensor, local_part, shard_like


class Sharded:
    """A tensor of which this process holds a part."""

    def __init__(self, whole: torch.Tensor) -> None:
        self.whole = whole

    def full_tensor(self) -> torch.Tensor:
        return self.whole


def test_a_sharded_tensor_is_gathered_and_a_whole_one_is_itself() -> None:
    whole = torch.arange(6.0)
    assert full_tensor(whole) is whole
    assert full_tensor(Sharded(whole)) is whole  # type: ignore[arg-type]


def test_a_copy_has_the_layout_type_and_no_memory_of_its_source() -> None:
    like = torch.empty(2, 3, 4, 4, dtype=torch.float64).to(memory_format=torch.channels_last)
    whole = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    copy = copy_with_layout(whole, like)
    assert copy.stride() == like.stride() and copy.dtype == like.dtype
    assert torch.equal(copy, whole.double())
    before = copy.clone()
    whole.zero_()
    assert torch.equal(copy, before)


def test_without_sharding_tensors_are_passed_on() -> None:
    network = nn.Linear(3, 2)
    tensors = {"weight": torch.ones(2, 3), "other": torch.ones(1)}
    assert shard_like(tensors, network) == tensors
    assert local_part(tensors["weight"], network.weight) is tensors["weight"]
