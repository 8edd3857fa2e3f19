"""Which columns of a table hold pixels, label and split."""

from __future__ import annotations

import pytest

from ddpm.data.pixel_columns import PixelColumns, find_columns

PIXELS = [f"pixel{i}" for i in range(16)]
VALUES = list(map(str, range(100, 116)))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (["label", *PIXELS], ["3", *VALUES], PixelColumns(True, 17, tuple(range(1, 17)), (1, 4, 4), 0)),
        ([*PIXELS, "CLASS"], [*VALUES, "3"], PixelColumns(True, 17, tuple(range(16)), (1, 4, 4), 16)),
        (PIXELS, VALUES, PixelColumns(True, 16, tuple(range(16)), (1, 4, 4))),
        (["3", *VALUES[::-1]], [], PixelColumns(False, 17, tuple(range(1, 17)), (1, 4, 4), 0)),
        ([*VALUES[::-1], "cat"], [], PixelColumns(False, 17, tuple(range(16)), (1, 4, 4), 16)),
        (["id", *PIXELS], ["3", *VALUES], PixelColumns(True, 17, tuple(range(1, 17)), (1, 4, 4))),
        (["dog", *map(str, range(16))], ["3", *VALUES], PixelColumns(True, 17, tuple(range(1, 17)),
         (1, 4, 4), 0)),
        (["emotion", "pixels", "Usage"], ["3", " ".join(VALUES), "Training"],
         PixelColumns(True, 3, (1,), (1, 4, 4), 0, 2)),
        ([f"{c}{i}" for c in "rgb" for i in range(16)], VALUES * 3,
         PixelColumns(True, 48, tuple(range(48)), (3, 4, 4))),
        (["a", "b"], ["1", "2"], None),
        ([], [], None),
    ],
)  # fmt: skip
def test_columns(first: list[str], second: list[str], expected: PixelColumns | None) -> None:
    assert find_columns(first, second) == expected
