"""Folders that number the parts of a set."""

from __future__ import annotations

import pytest

from ddpm.data.numbered_parts import NumberedFolder, are_numbered_parts


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        ([("00000", 5, 0, 999), ("00001", 5, 1000, 1400)], True),  # by thousands
        ([("00000", 5, None, None), ("01000", 5, None, None)], True),  # far apart
        ([("0007", 2, 7, 5008), ("0008", 2, 8, 1008)], False),
        ([("0007", 2, 1007, 5007), ("0008", 2, 8, 1008)], True),  # by the last digits
        ([("000", 4, 0, 3), ("001", 4, 4, 7), ("002", 2, 8, 9)], True),  # one after another
        ([("000", 4, 0, 3), ("001", 4, 4, 7), ("002", 5, 8, 12)], False),
        ([("000", 4, 0, 3), ("001", 4, 0, 3)], False),  # numbered anew: classes
        ([("0", 4, 0, 3), ("1", 4, 4, 7)], False),  # digits
        ([("Part1", 4, None, None), ("part2", 4, None, None)], True),
        ([("part1", 4, None, None), ("fold2", 4, None, None)], False),
        ([("00000", 5, 0, 9)], False),
        ([], False),
    ],
)
def test_parts_and_classes(folders: list[tuple[str, int, int, int]], expected: bool) -> None:
    assert are_numbered_parts(NumberedFolder(*folder) for folder in folders) is expected


def test_folders_of_one_name_count_together() -> None:
    """Parts below several classes: cat/00000, dog/00000, cat/01000."""
    folders = [NumberedFolder(n, 3, 0, 5) for n in ("00000", "00000", "01000", "01000")]
    assert are_numbered_parts(folders)
    assert not are_numbered_parts(folders[:2])
