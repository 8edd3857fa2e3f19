"""A set of more images needs hardly more memory: what is kept of each is counted in bytes."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ddpm.data import dataset as module
from ddpm.data.batches import Batches
from ddpm.data.dataset import prepare_from_source
from ddpm.data.image_source import ImageSource, NumberedNames
from ddpm.data.mapped_array import MappedArray
from ddpm.data.source_detection import open_source

FEW, MANY = 1000, 4000  # images


def bytes_an_image(work: Callable[[int], object]) -> float:
    """By how much the peak of memory grows with an image, as Python and numpy count it."""
    peaks = []
    for count in (FEW, FEW, MANY):  # the first one pays for imports
        tracemalloc.start()
        work(count)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return (peaks[2] - peaks[1]) / (MANY - FEW)


def picture(index: int) -> NDArray[np.uint8]:
    return np.random.default_rng(index).integers(0, 256, (3, 16, 16), np.uint8)


def generated(count: int) -> ImageSource:
    names = NumberedNames((("", count),))
    return ImageSource("set", "array", names, picture, fingerprint=f"{count:032d}")


def test_decoding_duplicates_statistics_and_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image has 768 bytes here; of them and of the words about it nothing is kept in memory."""
    monkeypatch.setattr(module, "_BLOCK", 500)
    tries = iter("abc")

    def train_on(count: int) -> None:
        dataset = prepare_from_source(generated(count), cache_dir=tmp_path / next(tries))
        assert not isinstance(dataset.images, MappedArray) and len(dataset.train) == count - len(
            dataset.heldout
        )
        batches = Batches(dataset.images, dataset.train, None, 8, 0)
        for step in (0, 10_000):
            assert batches.batch(step)[0].shape == (8, 3, 16, 16)

    assert bytes_an_image(train_on) < 100


def test_the_list_of_a_tars_images(tmp_path: Path) -> None:
    for count in (FEW, MANY):
        with tarfile.open(tmp_path / f"{count}.tar", "w") as archive:
            for index in range(count):
                info = tarfile.TarInfo(f"{index:09d}.png")
                info.size = 1
                archive.addfile(info, io.BytesIO(b"x"))
    assert bytes_an_image(lambda count: open_source(tmp_path / f"{count}.tar")) < 150
