"""Panels, strips and sheets: every image is there, whole, under the right words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals import neighbor_strips as neighbors
from ddpm.visuals import panels, sheets
from ddpm.visuals.annotations import annotate, text_width
from ddpm.visuals.neighbor_strips import NeighborStrip, save_neighbor_strips
from ddpm.visuals.panels import GridPanel, arrange, panel_columns, save_grid_panels, truncate_title
from ddpm.visuals.sheets import save_numbered_sheet, save_paired_sheet

LONG = "a-run-whose-name-goes-on-and-on-without-a-space-and-beyond-the-end-of-any-picture-we-make"
DRAWN = "ancestral, 1000 steps, guidance 1.6; seeds 0–24"
Words = list[tuple[str, list[str]]]


def flat(values: list[int], channels: int = 1, size: int = 8) -> NDArray[np.uint8]:
    """Images [N, channels, size, size] of one grey each."""
    shape = (len(values), channels, size, size)
    return np.broadcast_to(np.array(values, np.uint8)[:, None, None, None], shape).copy()


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture)


def areas(path: Path, value: int) -> int:
    """How many pixels have exactly this grey."""
    found = pixels(path)
    return int((found == value).all(axis=-1).sum() if found.ndim == 3 else (found == value).sum())


def center(found: NDArray[np.uint8], value: int) -> tuple[float, float]:
    """(row, column) of the middle of the image of this grey; specks of the lettering do not count."""
    same = found == value
    solid = same[:-2, :-2] & same[1:-1, 1:-1] & same[2:, 2:] & same[2:, :-2] & same[:-2, 2:]
    row, column = np.argwhere(solid).mean(axis=0)
    return float(row), float(column)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[Words]:
    """What stands above and beside each block."""
    seen: Words = []

    def spy(picture: Image.Image, layout: object, **words: object) -> Image.Image:
        named = [*(words.get("column_titles") or ()), *(words.get("row_titles") or ())]
        seen.append((str(words.get("title") or ""), [str(word).strip() for word in named]))
        return annotate(picture, layout, **words)  # type: ignore[arg-type]

    for module in (panels, neighbors, sheets):
        monkeypatch.setattr(module, "annotate", spy)
    yield seen


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("entries", [2, 3, 5])
def test_every_panel_shows_all_its_images(tmp_path: Path, entries: int, channels: int) -> None:
    shown = [
        GridPanel(LONG if i else "real", flat([20 * i + j + 70 for j in range(4)], channels), DRAWN)
        for i in range(entries + 1)
    ]
    save_grid_panels(tmp_path / "a.png", shown, 2, 2, note="below")
    side = 8 * round(380 / 16)
    for panel in shown:
        for image in panel.images:
            assert areas(tmp_path / "a.png", int(image[0, 0, 0])) >= side * side
    assert pixels(tmp_path / "a.png").shape[1] <= 1600


def test_panels_stand_in_order_with_space_between_them() -> None:
    blocks = [Image.new("L", (10 + i, 20), 50 * i) for i in range(4)]
    sheet = np.asarray(arrange(blocks, 2, space=6))
    assert sheet.shape == (46, 32)
    corners = [(0, 0), (0, 19), (26, 0), (26, 19)]
    assert [sheet[corner] for corner in corners] == [0, 50, 100, 150]
    assert (sheet[:, 13:19] == 255).all() and (sheet[20:26] == 255).all()


def test_up_to_three_panels_stand_side_by_side_and_four_in_a_square() -> None:
    assert [panel_columns(n) for n in (1, 2, 3, 4, 5, 6, 7)] == [1, 2, 3, 2, 3, 3, 3]


def test_titles_are_cut_to_their_panel() -> None:
    cut = truncate_title(LONG, 300)
    assert cut.endswith("…") and LONG.startswith(cut[:-1])
    assert text_width(cut) * 16 / 14 <= 300


def test_panels_of_different_images_are_refused(tmp_path: Path) -> None:
    mixed = [GridPanel("a", flat([1])), GridPanel("b", flat([1], size=9))]
    for wrong in ([], mixed):
        with pytest.raises(RequestError, match="same shape"):
            save_grid_panels(tmp_path / "a.png", wrong, 1, 1)


def test_strips_set_the_nearest_below_its_image(tmp_path: Path, written: Words) -> None:
    strip = NeighborStrip("copies", flat([150, 170]), flat([160, 180]), [0.304, 0.9])
    save_neighbor_strips(tmp_path / "a.png", [strip, strip], note="note")
    assert written[0] == ("copies", ["0.30", "0.90", "generated", "nearest"])
    found = pixels(tmp_path / "a.png")
    at = {value: center(found, value) for value in (150, 160, 170, 180)}
    assert at[150][0] == at[170][0] < at[160][0] == at[180][0]
    assert at[150][1] == at[160][1] < at[170][1] == at[180][1]
    with pytest.raises(RequestError, match="same shape"):
        save_neighbor_strips(
            tmp_path / "a.png", [strip, NeighborStrip("", flat([1]), flat([2]), [1])]
        )


@pytest.mark.parametrize("count", [3, 8, 19])
def test_a_sheet_numbers_its_images_row_by_row(tmp_path: Path, written: Words, count: int) -> None:
    save_numbered_sheet(tmp_path / "a.png", flat([130 + 5 * i for i in range(count)]), note="key")
    numbers = [word for _, row in written for word in row]
    assert numbers == [str(i + 1) for i in range(count)]
    found = pixels(tmp_path / "a.png")
    centers = [center(found, 130 + 5 * i) for i in range(count)]
    order = sorted(range(count), key=lambda i: (round(centers[i][0]), centers[i][1]))
    assert order == list(range(count))


def test_pairs_stand_left_and_right_under_their_number(tmp_path: Path, written: Words) -> None:
    left, right = flat([10 * i + 130 for i in range(11)]), flat([10 * i + 135 for i in range(11)])
    save_paired_sheet(tmp_path / "a.png", left, right)
    assert [words for _, words in written] == [["left", "right", str(i + 1)] for i in range(11)]
    found = pixels(tmp_path / "a.png")
    for i in range(11):
        one, other = (center(found, 10 * i + value) for value in (130, 135))
        assert one[0] == other[0] and one[1] < other[1]
    with pytest.raises(RequestError, match="both sides"):
        save_paired_sheet(tmp_path / "a.png", left, right[:3])
