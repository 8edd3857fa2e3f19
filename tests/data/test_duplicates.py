"""The first of equal hashes, found part by part as by looking at all of them."""

from __future__ import annotations

import numpy as np
import pytest

from ddpm.data import duplicates as module
from ddpm.data.duplicates import first_occurrences


def by_looking(hashes: list[int]) -> list[bool]:
    return [value not in hashes[:row] for row, value in enumerate(hashes)]


@pytest.mark.parametrize("at_once", [1, 7, 64, 1 << 18])
def test_the_first_of_each_stays(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BUCKET", at_once)
    rng = np.random.default_rng(0)
    some = rng.integers(0, 2**64, 40, np.uint64, endpoint=False)
    hashes = np.concatenate(
        [rng.choice(some, 150), np.array([0, 2**64 - 1, 0, 2**64 - 1], np.uint64)]
    )
    assert first_occurrences(hashes).tolist() == by_looking(hashes.tolist())


def test_none_and_one() -> None:
    assert first_occurrences(np.array([], np.uint64)).tolist() == []
    assert first_occurrences(np.array([3], np.uint64)).tolist() == [True]


def test_a_field_of_records_will_do() -> None:
    records = np.zeros(5, [("items", np.int64), ("hashes", np.uint64)])
    records["hashes"] = [4, 2, 4, 4, 1]
    assert first_occurrences(records["hashes"]).tolist() == [True, True, False, False, True]
