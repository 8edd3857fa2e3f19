"""Sheets of numbered images and pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddpm.errors import RequestError
from ddpm.visuals.sheets import save_numbered_sheet, save_paired_sheet
from tests.visuals.conftest import Titles
from tests.visuals.gray_images import center, flat, pixels


@pytest.mark.parametrize("count", [3, 8, 19])
def test_a_sheet_numbers_its_images_row_by_row(tmp_path: Path, titles: Titles, count: int) -> None:
    save_numbered_sheet(tmp_path / "a.png", flat([130 + 5 * i for i in range(count)]), note="key")
    numbers = [word for _, row in titles for word in row]
    assert numbers == [str(i + 1) for i in range(count)]
    found = pixels(tmp_path / "a.png")
    centers = [center(found, 130 + 5 * i) for i in range(count)]
    order = sorted(range(count), key=lambda i: (round(centers[i][0]), centers[i][1]))
    assert order == list(range(count))


def test_pairs_stand_left_and_right_under_their_number(tmp_path: Path, titles: Titles) -> None:
    left, right = flat([10 * i + 130 for i in range(11)]), flat([10 * i + 135 for i in range(11)])
    save_paired_sheet(tmp_path / "a.png", left, right)
    assert [words for _, words in titles] == [["left", "right", str(i + 1)] for i in range(11)]
    found = pixels(tmp_path / "a.png")
    for i in range(11):
        one, other = (center(found, 10 * i + value) for value in (130, 135))
        assert one[0] == other[0] and one[1] < other[1]
    with pytest.raises(RequestError, match="both sides"):
        save_paired_sheet(tmp_path / "a.png", left, right[:3])
