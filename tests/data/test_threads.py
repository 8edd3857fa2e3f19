"""Work on all cores: order, progress, errors, bounds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ddpm.data import decoded_rows
from ddpm.data.image_source import ImageSource, NumberedNames
from ddpm.data.threads import map_in_threads


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 1000])
def test_results_come_in_order_and_progress_ends_at_all(count: int) -> None:
    seen: list[tuple[int, int]] = []
    assert list(map_in_threads(lambda i: i * i, count, lambda *now: seen.append(now))) == [
        i * i for i in range(count)
    ]
    assert [now[0] for now in seen] == [*range(64, count, 64), count][: len(seen)]
    assert all(now[1] == count for now in seen) and (seen[-1:] == [(count, count)]) is (count > 0)


def test_items_are_worked_on_at_the_same_time() -> None:
    """Two items of different blocks meet; one after the other they never would."""
    meeting = threading.Barrier(2, timeout=20)

    def work(item: int) -> int:
        if item in (0, 64):
            meeting.wait()
        return item

    assert list(map_in_threads(work, 128)) == list(range(128))


def test_an_error_comes_through_and_the_rest_is_left() -> None:
    done: list[int] = []

    def work(item: int) -> int:
        done.append(item)
        if item == 70:
            raise ValueError("item 70")
        return item

    found = []
    with pytest.raises(ValueError, match="item 70"):
        for result in map_in_threads(work, 100_000):
            found.append(result)
    assert found == list(range(64)) and len(done) < 10_000


def test_a_slow_reader_is_waited_for() -> None:
    """Results are not piled up: a bounded number of items is worked on ahead of the reader."""
    done: list[int] = []
    results = map_in_threads(lambda item: done.append(item), 100_000)  # type: ignore[func-returns-value]
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert len(done) <= 64 * 2 * 8


def test_of_large_images_few_are_decoded_ahead_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[int] = []

    def load(item: int) -> NDArray[np.uint8]:
        loaded.append(item)
        return np.full((3, 1024, 1024), item % 256, np.uint8)

    def full(folder: Path, shape: tuple[int, ...], pixels: Iterator[bytes]) -> int:
        next(pixels)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(decoded_rows, "write_mapped_array", full)
    source = ImageSource("big", "array", NumberedNames((("", 600),)), load, "fingerprint")
    with pytest.raises(OSError, match="No space"):
        decoded_rows.write_rows(source, "", decoded_rows.Transform((1024, 1024), 3), tmp_path, None)
    assert len(loaded) <= 2 * 8
