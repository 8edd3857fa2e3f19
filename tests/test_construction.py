"""Weights made from a generator alone, whatever the process's global settings are."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from ddpm.construction import Construction


@pytest.fixture(autouse=True)
def global_settings() -> Iterator[None]:
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)


def make(seed: int = 3) -> nn.Module:
    with Construction(torch.Generator().manual_seed(seed)):
        return nn.Sequential(nn.Conv2d(2, 3, 3), nn.GroupNorm(1, 3), nn.Linear(4, 5))


def test_weights_come_from_the_generator_alone() -> None:
    before = torch.random.get_rng_state()
    first, again, other = make(), make(), make(4)
    assert torch.equal(torch.random.get_rng_state(), before)
    pairs = zip(first.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(first[0].weight, other[0].weight)


def test_the_numbers_are_those_that_torch_draws_from_this_seed() -> None:
    made = make()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = nn.Sequential(nn.Conv2d(2, 3, 3), nn.GroupNorm(1, 3), nn.Linear(4, 5))
    assert all(
        torch.equal(a, b) for a, b in zip(made.parameters(), expected.parameters(), strict=True)
    )


def test_global_types_and_devices_change_nothing() -> None:
    plain = make()
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    made = make()
    for one, other in zip(plain.parameters(), made.parameters(), strict=True):
        assert other.dtype == torch.float32 and other.device.type == "cpu"
        assert torch.equal(one, other)


def test_an_explicit_type_or_device_is_kept() -> None:
    with Construction(torch.Generator()):
        assert torch.zeros(2, dtype=torch.int64).dtype == torch.int64
        assert torch.empty(2, device="meta").device.type == "meta"


def test_another_thread_is_not_affected() -> None:
    found: list[torch.dtype] = []
    torch.set_default_dtype(torch.float64)
    with Construction(torch.Generator()):
        thread = threading.Thread(target=lambda: found.append(torch.zeros(1).dtype))
        thread.start()
        thread.join()
        assert torch.zeros(1).dtype == torch.float32
    assert found == [torch.float64]
