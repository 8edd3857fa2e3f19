"""The time embedding against its formula, and how far each of its dimensions moves over all t."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ddpm.networks.embeddings import TimeEmbedding, frequencies
from tests.examples import examples


def sinusoids(dim: int, num_steps: int, formula: str = "standard") -> Tensor:
    """[T, dim]: the embedding of every t before its perceptron."""
    embedding = TimeEmbedding(dim, 8, num_steps=num_steps, formula=formula)
    return embedding.sinusoids(torch.arange(num_steps))


def spread(table: Tensor) -> Tensor:
    """[dim]: the range of each dimension over t."""
    return table.amax(dim=0) - table.amin(dim=0)


@pytest.mark.parametrize(("formula", "factor"), [("standard", 2), ("slide", 4)])
@pytest.mark.parametrize("dim", [2, 10, 128])
def test_frequencies_follow_the_printed_formula(formula: str, factor: int, dim: int) -> None:
    expected = [10_000 ** (-factor * k / dim) for k in range(dim // 2)]
    np.testing.assert_allclose(frequencies(dim, formula).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("num_steps", [10, 100, 1000])
@pytest.mark.parametrize("dim", [128, 512])
def test_no_dimension_of_the_standard_embedding_is_dead(num_steps: int, dim: int) -> None:
    table = sinusoids(dim, num_steps)
    assert spread(table).min() > 0.004  # the slowest cosine: 1 - cos(0.09)
    assert spread(table)[: dim // 2].min() > 0.09  # the slowest sine


@pytest.mark.parametrize("dim", [64, 128, 512])
def test_half_of_the_slide_formula_is_dead(dim: int) -> None:
    slide, standard = spread(sinusoids(dim, 1000, "slide")), spread(sinusoids(dim, 1000))
    assert int((standard[: dim // 2] < 0.1).sum()) == 0
    assert int((slide[: dim // 2] < 0.1).sum()) == dim // 4  # half of the sines
    assert int((slide[dim // 2 :] < 0.005).sum()) == dim // 4  # and of the cosines
    assert slide.min() < 1e-6  # the slowest do not move at all in float32


def test_the_embedding_spans_the_same_range_for_every_number_of_steps() -> None:
    few, many = sinusoids(32, 10), sinusoids(32, 1000)
    torch.testing.assert_close(few, many[::100], atol=1e-4, rtol=0)


@settings(deadline=None, max_examples=examples(20))
@given(half=st.integers(1, 40), t=st.integers(0, 999))
def test_each_sine_has_its_cosine(half: int, t: int) -> None:
    row = TimeEmbedding(2 * half, 4).sinusoids(torch.tensor([t]))[0]
    angle = t * frequencies(2 * half).to(torch.float32)
    torch.testing.assert_close(row, torch.cat([angle.sin(), angle.cos()]))
    torch.testing.assert_close(row.square().sum(), torch.tensor(float(half)))


def test_neighbouring_times_are_told_apart() -> None:
    table = sinusoids(128, 1000)
    nearest = (table[1:] - table[:-1]).norm(dim=1)
    assert nearest.min() > 0.5


def test_perceptron_maps_each_time_by_itself() -> None:
    embedding = TimeEmbedding(16, 24)
    t = torch.tensor([0, 7, 999])
    out = embedding(t)
    assert out.shape == (3, 24)
    first, _, second = embedding.layers
    hidden = torch.nn.functional.silu(first(embedding.sinusoids(t[1:2])))
    torch.testing.assert_close(out[1:2], second(hidden))


def test_the_table_is_computed_anew_not_stored_with_the_weights() -> None:
    assert not [name for name in TimeEmbedding(16, 8).state_dict() if "frequency" in name]


@pytest.mark.parametrize("dim", [0, 1, 3, 127])
def test_a_width_without_pairs_is_refused(dim: int) -> None:
    with pytest.raises(ValueError, match="even number"):
        frequencies(dim)


def test_the_narrowest_width_is_one_pair_of_frequency_one() -> None:
    assert frequencies(2).tolist() == [1.0]


def test_an_unknown_formula_is_refused() -> None:
    with pytest.raises(KeyError):
        frequencies(8, "lecture")
