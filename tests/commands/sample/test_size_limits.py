"""Requests that no disk or picture can hold are refused before anything is drawn; others stream."""

from __future__ import annotations

import tracemalloc
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.cli.main import main

Disk = namedtuple("Disk", "total used free")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "-n 1000000000 --out a.npz",
            "1,000,000,000 images in an .npz take about 128.00 GB, but the disk of a.npz has 1.00 GB "
            "free; pass -n 7812500 or fewer.",
        ),
        (
            "-n 1000000000 --png-dir a",
            "1,000,000,000 PNG files take about 4096.00 GB, but the disk of a has 1.00 GB free; pass "
            "-n 244140 or fewer.",
        ),
        (
            "--grid 100000x100000",
            "A grid of 100000x100000 is 999,998 x 999,998 pixels, which takes at least 1000.00 GB of "
            "memory; pass a smaller one, such as 1891x1891.",
        ),
        (
            "-n 25 --grid 1x10000 --out a.jpg",
            "A grid of 1x10000 is 99,998 x 8 pixels, but a JPEG has at most 65,500 on a side; pass a "
            "smaller --grid or a name that ends in .png.",
        ),
        ("--steps 1000000000", "sampling.steps must lie between 1 and 100000, not 1000000000."),
        ("--steps 5000", "sampling.steps is 5000, but the schedule has only 1000 levels"),
    ],
)
def test_too_large_a_request_is_refused_at_once(
    words: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: Disk(10**10, 9 * 10**9, 10**9))
    monkeypatch.setattr(
        "ddpm.commands.sample.chunked_sampling.sample_images", None
    )  # to call it would fail
    assert main(["sample", "digits", *words.split()]) == 2
    assert said in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_a_billion_images_without_a_file_for_them_draw_the_grid(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sample", "digits", "-n", "1000000000", "--steps", "1"]) == 0
    said = capsys.readouterr().err
    assert "sampling 100 images" in said
    assert "shows the first 100 of 1000000000 images" in said


def test_memory_does_not_grow_with_the_number_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks come from a stub: only what the command itself holds is measured."""

    def draw(model, seeds, labels, settings, **named):  # type: ignore[no-untyped-def]
        return np.arange(len(seeds) * 64, dtype=np.uint8).reshape(-1, 1, 8, 8)

    monkeypatch.setattr("ddpm.commands.sample.chunked_sampling.sample_images", draw)
    peaks = []
    for n in (1000, 10_000, 30_000):
        tracemalloc.start()
        assert main(["sample", "digits", "-n", str(n), "--out", "a.npz"]) == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] - peaks[1] < 500_000  # 20,000 images are 1.3 MB, their labels more
    with np.load("a.npz") as stored:
        assert stored["images"].shape == (30_000, 1, 8, 8)
        assert np.array_equal(stored["seeds"], np.arange(30_000))


def test_a_picture_at_the_limit_can_be_opened() -> None:
    assert main(["sample", "digits", "-n", "4", "--steps", "1", "--grid", "60x60"]) == 0
    with Image.open("digits-samples-steps-1.png") as picture:
        picture.load()
