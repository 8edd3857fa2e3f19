"""Diagram of a network: a box per layer, a row per resolution, dashed skip connections."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ddpm.visuals.figures import new_figure, render
from ddpm.visuals.saving import save_picture
from ddpm.visuals.style import BLUE, FAINT, GREEN, INK, MUTED, PURPLE, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, Any]
_SKIP_HEIGHT = 0.12  # of a skip connection above its boxes
_HEIGHT, _GAP = 0.56, 0.42  # of a box, between boxes; a row is 1 high
_MIN_WIDTH = 13.5  # of the diagram; a narrower one is centered
_NARROW, _WIDE = 0.62, 1.25  # width of boxes with the fewest and the most channels
_COLORS = {
    "input": MUTED,
    "output": MUTED,
    "conv": FAINT,
    "block": BLUE,
    "down": GREEN,
    "up": PURPLE,
}
_NAMES = {
    "conv": "convolution",
    "block": "residual block",
    "down": "halves the size",
    "up": "doubles the size",
}


class Box(NamedTuple):
    """Consecutive equal layers drawn as one box: the layer, their number, the position."""

    row: Row
    repeats: int
    left: float
    width: float
    level: int  # 0 is the largest resolution

    @property
    def color(self) -> str:
        return VERMILION if self.row["attention"] else _COLORS[self.row["kind"]]


def save_network_plot(path: Path | str, rows: Sequence[Row]) -> None:
    """Write the figure of `network_figure` to `path` (PNG or JPEG by its name)."""
    save_picture(path, render(network_figure(rows)))


def network_figure(rows: Sequence[Row]) -> Figure:
    """Return a figure of the layers of a network (rows of `networks/outline.py`).

    A box shows its channels, and ×n for n equal layers; the resolution stands at the left of each row.
    """
    boxes = place_boxes(rows)
    sizes = _sizes(rows)
    figure = new_figure(0.55 * len(sizes) + 0.7)
    axes = figure.subplots()
    axes.set_axis_off()
    right = boxes[-1].left + boxes[-1].width
    spare = max(0.0, _MIN_WIDTH - right) / 2
    axes.set_xlim(-1.55 - spare, right + 0.2 + spare)
    axes.set_ylim(len(sizes) - 0.55, -0.6)
    for level, (height, width) in enumerate(sizes):
        axes.plot([-0.3, right], [level, level], color=FAINT, linewidth=0.6, zorder=0)
        size = f"{height}×{width}"
        axes.text(-0.45, level, size, ha="right", va="center", fontsize=9, color=MUTED)
    _draw_skips(axes, boxes)
    for before, after in itertools.pairwise(boxes):
        _draw_arrow(axes, before, after)
    for box in boxes:
        _draw_box(axes, box)
    _draw_legend(figure, boxes)
    return figure


def place_boxes(rows: Sequence[Row]) -> list[Box]:
    """Return boxes from left to right, with consecutive equal layers merged."""
    sizes = _sizes(rows)
    max_channels = max(row["channels"] for row in rows)
    boxes: list[Box] = []
    left = 0.0
    for row, count in _merged(rows):
        width = _NARROW + (_WIDE - _NARROW) * (row["channels"] / max_channels) ** 0.5
        boxes.append(Box(row, count, left, width, sizes.index((row["height"], row["width"]))))
        left += width + _GAP
    return boxes


def _sizes(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """Return the resolutions (height, width), largest first."""
    return sorted({(row["height"], row["width"]) for row in rows}, reverse=True)


def _merged(rows: Sequence[Row]) -> Iterator[tuple[Row, int]]:
    """Yield each run of equal layers as (layer, count)."""
    count = 0
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        count += 1
        if after is None or _appearance(row) != _appearance(after):
            yield row, count
            count = 0


def _appearance(row: Row) -> tuple[Any, ...]:
    names = ("kind", "channels", "height", "width", "attention")
    return (*(row[name] for name in names), bool(row["joined"]))


def _draw_box(axes: Axes, box: Box) -> None:
    from matplotlib.patches import FancyBboxPatch

    plain = box.row["kind"] in ("input", "output")
    corner = (box.left, box.level - _HEIGHT / 2)
    axes.add_patch(
        FancyBboxPatch(
            corner, box.width, _HEIGHT, boxstyle="round,pad=0,rounding_size=0.09", mutation_aspect=1,
            facecolor="white" if plain else box.color, edgecolor=box.color, alpha=1.0, linewidth=1.1,
        )
    )  # fmt: skip
    dark = plain or box.row["kind"] == "conv"
    text = f"{box.row['channels']}" + (f" ×{box.repeats}" if box.repeats > 1 else "")
    middle = box.left + box.width / 2
    size = 8.5 if len(text) < 6 else 7
    axes.text(
        middle, box.level, text, ha="center", va="center", fontsize=size, color=INK if dark else "white"
    )  # fmt: skip


def _draw_arrow(axes: Axes, before: Box, after: Box) -> None:
    start = (before.left + before.width, before.level)
    end = (after.left, after.level)
    style = {"arrowstyle": "-|>", "color": MUTED, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops={**style, "mutation_scale": 7})


def _draw_skips(axes: Axes, boxes: Sequence[Box]) -> None:
    """Draw the skip connection of each row above the boxes between its ends."""
    for start, end in skip_connections(boxes):
        top = start.level - _HEIGHT / 2
        middles = [box.left + box.width / 2 for box in (start, end)]
        xs = [middles[0], middles[0], middles[1], middles[1]]
        ys = [top, top - _SKIP_HEIGHT, top - _SKIP_HEIGHT, top]
        axes.plot(xs, ys, color=INK, linewidth=0.9, linestyle=(0, (3, 2)))


def skip_connections(boxes: Sequence[Box]) -> list[tuple[Box, Box]]:
    """Return (start, end) of the skip connection of each row.

    The end is the first layer of the row that concatenates earlier channels. The start is the last layer
    of the row before the network reaches a smaller resolution.
    """
    connections = []
    for level in sorted({box.level for box in boxes if box.row["joined"]}):
        end = next(box for box in boxes if box.level == level and box.row["joined"])
        deeper = [box.left for box in boxes if box.level > level]
        limit = min([end.left, *deeper])
        starts = [box for box in boxes if box.level == level and box.left < limit]
        connections += [(starts[-1], end)] if starts else []
    return connections


def _draw_legend(figure: Figure, boxes: Sequence[Box]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for kind, name in _NAMES.items():
        if any(box.row["kind"] == kind and not box.row["attention"] for box in boxes):
            handles.append(Patch(color=_COLORS[kind], label=name))
    if any(box.row["attention"] for box in boxes):
        handles.append(Patch(color=VERMILION, label="residual block with attention"))
    if any(box.row["joined"] for box in boxes):
        handles.append(
            Line2D([], [], color=INK, linewidth=0.9, linestyle=(0, (3, 2)), label="skip")
        )
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8.5,
        labelcolor=INK, handlelength=1.2, columnspacing=1.4,
    )  # fmt: skip
