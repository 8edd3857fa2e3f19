"""Seeds derived from places, and noise that belongs to one image."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.randomness import ImageNoise, derive_seed, generator_for
from tests.examples import examples


@pytest.mark.parametrize(
    ("parts", "seed"),
    [
        ((0,), 2033344993903900207),
        ((0, "step", 1), 1052031682935541021),
        ((0, "weights"), 4194789700723333633),
        ((42, "heldout"), 265457156061925048),
    ],
)
def test_derived_seeds_never_change(parts: tuple[int | str, ...], seed: int) -> None:
    """Golden values: a change here would change every run that is resumed or repeated."""
    assert derive_seed(*parts) == seed


@settings(deadline=None, max_examples=examples(50))
@given(seed=st.integers(0, 2**63 - 1), step=st.integers(1, 10**9))
def test_neighbors_get_unrelated_seeds_that_a_generator_takes(seed: int, step: int) -> None:
    one, next_step = derive_seed(seed, "step", step), derive_seed(seed, "step", step + 1)
    assert 0 <= one < 2**63
    assert bin(one ^ next_step).count("1") > 8  # of 63 bits, about 31 differ
    torch.Generator().manual_seed(one)


def test_ten_thousand_steps_have_ten_thousand_seeds() -> None:
    """Also in the lowest 32 bits, all that a CPU generator hears."""
    heard = {derive_seed(0, "step", step) & 0xFFFFFFFF for step in range(10_000)}
    assert len(heard) == 10_000


def test_parts_are_kept_apart() -> None:
    assert derive_seed(1, 23) != derive_seed(12, 3)
    assert derive_seed(7, "step") != derive_seed("step", 7)


def test_a_generator_for_a_place_is_seeded_by_it() -> None:
    drawn = torch.rand(5, generator=generator_for(3, "step", 4))
    assert torch.equal(drawn, torch.rand(5, generator=generator_for(3, "step", 4)))
    expected = torch.rand(5, generator=torch.Generator().manual_seed(derive_seed(3, "step", 4)))
    assert torch.equal(drawn, expected)


@settings(deadline=None, max_examples=examples(20))
@given(
    seed=st.integers(0, 2**32 - 1),
    others=st.lists(st.integers(0, 2**32 - 1), max_size=4),
    position=st.integers(0, 4),
)
def test_an_image_s_noise_is_its_seed_s_alone(seed: int, others: list[int], position: int) -> None:
    position = min(position, len(others))
    among = ImageNoise([*others[:position], seed, *others[position:]], (1, 3, 5))
    alone = ImageNoise([seed], (1, 3, 5))
    for _ in range(3):  # call after call
        assert torch.equal(among()[position], alone()[0])


def test_each_call_is_fresh_standard_normal_noise() -> None:
    noise = ImageNoise(range(50), (3, 16, 16))
    first, second = noise(), noise()
    assert first.shape == (50, 3, 16, 16) and first.dtype == torch.float32
    for drawn in (first, second):
        assert abs(float(drawn.mean())) < 0.02 and abs(float(drawn.std()) - 1) < 0.02
    between_calls = torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1]
    between_images = torch.corrcoef(first.flatten(1)) - torch.eye(50)
    assert abs(float(between_calls)) < 0.02
    assert float(between_images.abs().max()) < 0.2  # 1225 pairs of 768 numbers


def test_noise_leaves_the_global_stream_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    ImageNoise([1, 2], (1, 4, 4))()
    generator_for(5)
    assert torch.equal(torch.rand(3), expected)


def test_only_the_lowest_32_bits_of_an_image_seed_are_heard() -> None:
    """What the docstring says of PyTorch's CPU generator."""
    low, high = ImageNoise([7, 7 + 2**32], (1, 4, 4))()
    assert torch.equal(low, high)
