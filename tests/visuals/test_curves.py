"""Plots, read from the figure: every series that was logged is drawn, with its own numbers."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.curves import loss_figure, save_loss_plot, save_schedule_plot, schedule_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = list[dict[str, Any]]


def _rows(steps: int, fall: float = 100.0) -> Rows:
    """A loss falling by `fall` over the run, in batches of 32."""
    return [
        {
            "step": s,
            "loss": fall ** (-s / steps) * (1.1 if s % 2 else 0.9),
            "batch": 32,
            "seconds": s,
        }
        for s in range(1, steps + 1)
    ]


def _lines(axes: Axes) -> dict[str, Any]:
    return {str(line.get_label()): line for line in axes.get_lines()}


def test_the_loss_is_drawn_raw_and_smoothed() -> None:
    rows = _rows(60)
    (panel,) = loss_figure(rows, title="digits").axes
    lines = _lines(panel)
    raw, smooth = lines["loss, each iteration"], lines["loss, running mean of 9"]
    assert raw.get_xdata().tolist() == list(range(1, 61))
    assert raw.get_ydata().tolist() == [row["loss"] for row in rows]
    middle = [row["loss"] for row in rows[25:34]]
    assert smooth.get_ydata()[29] == pytest.approx(np.mean(middle))
    assert panel.get_title(loc="left") == "digits"
    assert panel.get_xlabel() == "iterations"


def test_held_out_points_and_epoch_means_stand_where_they_were_measured() -> None:
    rows = [
        *_rows(40),
        {"step": 20, "heldout_loss": 0.5, "heldout_loss_levels": [0.1, 0.2, None, 0.4]},
        {"step": 40, "heldout_loss": 0.25, "heldout_loss_levels": [0.1, 0.2, None, 0.3]},
        {"step": 40, "training_images_loss": 0.2, "heldout_gap": 0.25},
        {"step": 16, "epoch": 1, "epoch_loss": 0.7},
        {"step": 32, "epoch": 2, "epoch_loss": 0.3},
    ]
    panel = loss_figure(rows, title="").axes[0]
    heldout = _lines(panel)["held-out images, averaged weights"]
    assert heldout.get_xydata().tolist() == [[20, 0.5], [40, 0.25]]
    training = _lines(panel)["as many training images, averaged weights"]
    assert training.get_xydata().tolist() == [[40, 0.2]]
    (stairs,) = panel.patches
    assert stairs.get_data().values.tolist() == [0.7, 0.3]
    assert stairs.get_data().edges.tolist() == [0, 16, 32]


def test_each_quarter_of_the_noise_range_has_its_line_and_rings() -> None:
    rows = _rows(30)
    for row in rows:
        row["loss_levels"] = [0.1, 0.2, 0.3 if row["step"] > 10 else None, 0.4]
    rows.append({"step": 30, "heldout_loss": 0.2, "heldout_loss_levels": [0.15, 0.25, None, 0.45]})
    _, panel = loss_figure(rows, title="").axes
    lines = _lines(panel)
    for words, level in zip(
        ["0–25 %", "25–50 %", "50–75 %", "75–100 %"], [0.1, 0.2, 0.3, 0.4], strict=True
    ):
        assert lines[words].get_ydata() == pytest.approx(level)
    assert lines["50–75 %"].get_xdata()[0] == 11
    rings = [
        line for line in panel.get_lines() if line.get_marker() == "o" and len(line.get_xdata())
    ]
    assert [ring.get_ydata().tolist() for ring in rings] == [[0.15], [0.25], [0.45]]
    assert [ring.get_color() for ring in rings] == [
        lines[words].get_color() for words in ("0–25 %", "25–50 %", "75–100 %")
    ]


def test_a_gan_shows_both_its_losses_in_colors_of_their_own() -> None:
    rows = [
        {"step": s, "generator_loss": 2.0, "discriminator_loss": 0.5, "batch": 8}
        for s in range(1, 30)
    ]
    (panel,) = loss_figure(rows, title="").axes
    lines = _lines(panel)
    generator, critic = (
        lines[f"{name} loss, each iteration"] for name in ("generator", "discriminator")
    )
    assert set(generator.get_ydata()) == {2.0} and set(critic.get_ydata()) == {0.5}
    assert generator.get_color() != critic.get_color()


def test_the_discriminators_scores_have_a_panel_with_rings_for_held_out_images() -> None:
    rows = [
        {"step": s, "generator_loss": 2.0, "discriminator_loss": 0.5, "batch": 8,
         "real_score": 0.75, "fake_score": 0.25}
        for s in range(1, 30)
    ]  # fmt: skip
    rows += [{"step": 10, "heldout_real_score": 0.5}, {"step": 20, "heldout_real_score": 0.25}]
    rows += [{"step": 12, "epoch": 1, "epoch_generator_loss": 2.5, "epoch_discriminator_loss": 0.4}]
    losses, scores = loss_figure(rows, title="").axes
    lines = _lines(scores)
    assert lines["training images"].get_ydata() == pytest.approx(0.75)
    assert lines["generated images"].get_ydata() == pytest.approx(0.25)
    assert lines["held-out images"].get_xydata().tolist() == [[10, 0.5], [20, 0.25]]
    assert scores.get_yticks().tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert [stairs.get_data().values.tolist() for stairs in losses.patches] == [[2.5], [0.4]]
    names = [text.get_text() for text in losses.get_legend().get_texts()]
    assert names.count("mean of each epoch") == 1 and len(set(names)) == len(names)


def test_a_warning_is_marked_where_it_was_given() -> None:
    rows = [*_rows(40), {"step": 12, "warning": "beware"}, {"step": 30, "warning": "again"}]
    panel = loss_figure(rows, title="").axes[0]
    marks = [line for line in panel.get_lines() if line.get_linestyle() == ":"]
    assert [set(mark.get_xdata()) for mark in marks] == [{12}, {30}]
    names = [text.get_text() for text in panel.get_legend().get_texts()]
    assert names.count("warning") == 1


@pytest.mark.parametrize(("fall", "scale"), [(3.0, "linear"), (100.0, "log")])
def test_the_axis_is_logarithmic_where_the_range_asks_for_it(fall: float, scale: str) -> None:
    assert loss_figure(_rows(60, fall), title="").axes[0].get_yscale() == scale


def test_a_loss_below_zero_keeps_the_axis_linear() -> None:
    rows = _rows(60)
    rows[30]["loss"] = -0.1
    assert loss_figure(rows, title="").axes[0].get_yscale() == "linear"


def test_a_long_run_is_thinned_and_keeps_its_peaks() -> None:
    rows = _rows(20_000, fall=2.0)
    rows[12_345]["loss"] = 7.0
    raw = _lines(loss_figure(rows, title="").axes[0])["loss, each iteration"]
    assert len(raw.get_xdata()) <= 1600
    assert raw.get_xdata()[raw.get_ydata().argmax()] == 12_346
    assert raw.get_ydata().min() == min(row["loss"] for row in rows)


def test_images_seen_stand_on_the_top_axis() -> None:
    (panel,) = loss_figure(_rows(50), title="").axes
    (top,) = panel.child_axes
    panel.figure.draw_without_rendering()
    assert top.get_xlim() == pytest.approx(tuple(32 * edge for edge in panel.get_xlim()))
    bare = [{"step": 1, "loss": 0.5}]
    assert loss_figure(bare, title="").axes[0].child_axes == []


def test_the_note_is_printed_literally_and_only_where_there_is_one() -> None:
    noted = loss_figure(_rows(9), title="", note="none, fewer than $50 images$")
    assert noted.get_supxlabel() == "Held-out images: none, fewer than $50 images$."
    assert loss_figure(_rows(9), title="").get_supxlabel() == ""


@pytest.mark.parametrize("rows", [[], [{"step": 3, "heldout_loss": 1.0}]])
def test_rows_without_a_loss_are_refused(rows: Rows) -> None:
    with pytest.raises(RequestError, match="no loss to plot"):
        loss_figure(rows, title="")


@pytest.mark.parametrize("name", ["loss.png", "loss.jpg"])
def test_a_plot_is_written_at_twice_the_usual_resolution(tmp_path: Path, name: str) -> None:
    save_loss_plot(tmp_path / name, _rows(20), title="a $ and a _ in a name", note="the test files")
    with Image.open(tmp_path / name) as picture:
        assert picture.size == (1200, 630)
        assert np.asarray(picture).min() < 60  # ink


def test_one_row_is_enough_for_a_plot() -> None:
    figure = loss_figure(_rows(1), title="one")
    figure.draw_without_rendering()
    assert _lines(figure.axes[0])["loss, each iteration"].get_xdata().tolist() == [1]


def test_schedules_are_drawn_in_log_snr_and_as_shares_of_the_variance(tmp_path: Path) -> None:
    levels = {
        "even": np.linspace(10, -10, 21),
        "wild": np.array([math.inf, 2.0, 0.0, -40.0, -math.inf]),
    }
    save_schedule_plot(tmp_path / "a.png", levels)
    left, right = schedule_figure(levels).axes
    log_snr, shares = _lines(left), _lines(right)
    assert log_snr["even"].get_ydata() == pytest.approx(levels["even"])
    assert shares["even"].get_ydata() == pytest.approx(1 / (1 + np.exp(-levels["even"])))
    drawn = log_snr["wild"].get_ydata()
    assert drawn[1:3].tolist() == [2.0, 0.0] and np.isnan(drawn[[0, 3, 4]]).all()
    assert shares["wild"].get_ydata() == pytest.approx([1, 1 / (1 + math.exp(-2)), 0.5, 0, 0])


def test_pictures_need_neither_torch_nor_pyplot(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from ddpm.visuals import animations, curves, grids, strips\n"
        "assert 'matplotlib' not in sys.modules\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "grids.save_grid(folder / 'a.png', np.zeros((1, 1, 4, 4), np.uint8), 1, 1, caption='x')\n"
        "curves.save_loss_plot(folder / 'b.png', [{'step': 1, 'loss': 1.0}], title='x')\n"
        "assert not {'torch', 'matplotlib.pyplot'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
