"""Diagrams of networks: parts in their order, resolutions in rows, skips from the way down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm.visuals.network_diagram import place_boxes, save_network_plot, skip_connections


def row(
    kind: str, channels: int, size: int, joined: int = 0, attention: bool = False
) -> dict[str, Any]:
    return {"kind": kind, "channels": channels, "height": size, "width": size,
            "joined": joined, "attention": attention}  # fmt: skip


UNET = [
    row("input", 1, 28), row("conv", 8, 28), row("block", 8, 28), row("block", 8, 28),
    row("down", 8, 14), row("block", 16, 14, attention=True), row("block", 16, 14, 16, True),
    row("block", 16, 14, 8, True), row("up", 16, 28), row("block", 8, 28, 8), row("block", 8, 28, 8),
    row("block", 8, 28, 8), row("conv", 1, 28), row("output", 1, 28),
]  # fmt: skip


def test_equal_parts_are_one_box_and_none_is_lost() -> None:
    boxes = place_boxes(UNET)
    assert [box.repeats for box in boxes] == [1, 1, 2, 1, 1, 2, 1, 3, 1, 1]
    assert sum(box.repeats for box in boxes) == len(UNET)
    assert [box.level for box in boxes] == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0]
    ends = [box.left + box.width for box in boxes]
    assert all(end < after.left for end, after in zip(ends, boxes[1:], strict=False))


def test_wider_layers_have_wider_boxes() -> None:
    narrow, wide = place_boxes([row("conv", 8, 4), row("conv", 64, 4)])
    assert narrow.width < wide.width


def test_skips_start_on_the_way_down_and_end_where_they_are_joined() -> None:
    boxes = place_boxes(UNET)
    found = [
        (start.row["kind"], end.row["joined"], start.level)
        for start, end in skip_connections(boxes)
    ]
    assert found == [("block", 8, 0), ("block", 8, 1)]
    starts = [boxes.index(start) for start, _ in skip_connections(boxes)]
    assert starts == [2, 4]  # not the part that doubles the size, which stands just before
    assert (
        skip_connections(place_boxes([row("input", 3, 8), row("down", 8, 4), row("output", 1, 4)]))
        == []
    )


@pytest.mark.parametrize("rows", [UNET, [row("input", 3, 8), row("output", 3, 8)]])
def test_the_diagram_is_drawn(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    save_network_plot(tmp_path / "a.png", rows)
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture)
    assert picture.size[0] == 1200 and 0.01 < (pixels < 250).any(axis=-1).mean() < 0.7
    assert (pixels[[0, -1]] == 255).all() and (pixels[:, [0, -1]] == 255).all()


def test_more_resolutions_make_it_higher(tmp_path: Path) -> None:
    heights = []
    for depth in (2, 5):
        save_network_plot(
            tmp_path / "a.png", [row("down", 8, 64 >> level) for level in range(depth)]
        )
        with Image.open(tmp_path / "a.png") as picture:
            heights.append(picture.size[1])
    assert heights[0] < heights[1]
