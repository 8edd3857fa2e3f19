"""Dropout whose masks are drawn from a seed."""

from __future__ import annotations

import pytest
import torch

from ddpm.networks.dropout import Dropout, seeded_dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_masks_are_those_of_the_global_generator(dtype: torch.dtype) -> None:
    """Runs with dropout that an earlier version began resume with the same masks."""
    x = torch.ones(4, 8, 5, 5, dtype=dtype).contiguous(memory_format=torch.channels_last)
    layers = torch.nn.Sequential(Dropout(0.3), Dropout(0.6)).train()
    torch.manual_seed(2**62 + 7)
    expected = layers(x)
    with seeded_dropout(layers, 2**62 + 7, x.device, compiled=False):
        assert torch.equal(layers(x), expected)
    with seeded_dropout(layers, 2**62 + 7, x.device, compiled=True):
        assert torch.equal(layers(x), expected)


def test_a_seed_fixes_the_masks_and_the_global_generator_is_untouched() -> None:
    x, layers = torch.ones(4, 8), torch.nn.Sequential(Dropout(0.5)).train()
    before = torch.random.get_rng_state()

    def masked(seed: int) -> torch.Tensor:
        with seeded_dropout(layers, seed, x.device, compiled=False):
            return torch.Tensor(layers(x))

    assert torch.equal(masked(1), masked(1)) and not torch.equal(masked(1), masked(2))
    assert set(masked(3).unique().tolist()) == {0.0, 2.0}  # 1 / (1 - p) where an element is kept
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(layer.generator is None for layer in layers)


def test_the_generator_is_removed_after_an_error() -> None:
    layers = torch.nn.Sequential(Dropout(0.5)).train()
    with (
        pytest.raises(ZeroDivisionError),
        seeded_dropout(layers, 1, torch.device("cpu"), compiled=False),
    ):
        raise ZeroDivisionError
    assert layers[0].generator is None


def test_without_training_nothing_is_dropped() -> None:
    x, layers = torch.ones(4, 8), torch.nn.Sequential(Dropout(0.5)).eval()
    with seeded_dropout(layers, 1, x.device, compiled=False):
        assert torch.equal(layers(x), x)
