"""Arrays of samples (.npz) that are written chunk by chunk and continued."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ddpm.cli.main import main
from ddpm.commands.sample.sample import SampleRequest, write_samples
from tests.commands.sample.interruptions import (
    KILL,
    SETTINGS,
    WORDS,
    arrays,
    stop_by,
)


def test_a_partial_array_of_another_request_is_replaced(chunks: list[list[int]]) -> None:
    assert stop_by(KILL, "--out", "a.npz").returncode != 0 and Path("a.npz.partial").exists()
    write_samples("digits", SETTINGS, SampleRequest(n=5, seed=3, out=Path("a.npz")))
    write_samples("digits", SETTINGS, SampleRequest(n=5, seed=3, out=Path("b.npz")))
    assert chunks[0] == [3, 4, 5, 6] and arrays("a.npz") == arrays("b.npz")


@pytest.mark.parametrize("cut", [1, 64, 300])
def test_a_torn_partial_array_is_continued_at_a_whole_chunk(
    cut: int, chunks: list[list[int]], make_partial: Callable[[int], None]
) -> None:
    make_partial(cut)
    assert main([*WORDS, "--out", "a.npz"]) == 0
    first = [4, 5, 6, 7] if cut <= 256 else [0, 1, 2, 3]
    assert chunks[0] == first
    assert main([*WORDS, "--out", "b.npz"]) == 0
    assert arrays("a.npz") == arrays("b.npz")


@pytest.fixture
def make_partial() -> Callable[[int], None]:
    """make_partial(cut): a.npz.partial of 8 images without its last `cut` bytes."""

    def make(cut: int) -> None:
        stop_by(KILL, "--out", "a.npz")
        path = Path("a.npz.partial")
        path.write_bytes(path.read_bytes()[:-cut])

    return make
