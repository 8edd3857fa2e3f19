"""Arrays of samples (.npz) that are written chunk by chunk and continued."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
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


def test_a_mixture_is_kept_as_the_weight_of_every_class() -> None:
    for label, weights in {"3:0.5,8:0.25": {3: 0.5, 8: 0.25}, "3": None}.items():
        out = Path("mixed.npz")
        write_samples("digits", SETTINGS, SampleRequest(n=3, out=out, label=label))
        with np.load(out) as stored:
            assert stored["labels"].tolist() == [3, 3, 3]
            assert ("class_weights" in stored) == (weights is not None)
            if weights is not None:
                row = [weights.get(number, 0.0) for number in range(10)]
                assert stored["class_weights"].tolist() == [row] * 3


def test_the_extra_evaluations_of_a_mixture_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["sampling.steps=3", "sampling.sampler=ddim", "sampling.guidance=1"]
    for label, text in {"3": "", "3:0.5,8:0.25": ", 9 network evaluations an image"}.items():
        write_samples("digits", settings, SampleRequest(n=2, out=Path("a.npz"), label=label))
        assert f"sampling 2 images (ddim, 3 steps{text}) from" in capsys.readouterr().err
