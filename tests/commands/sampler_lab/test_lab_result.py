"""The result of a sampler lab: its figure, and what becomes of the recommended settings."""

from __future__ import annotations

import shlex
from dataclasses import replace

import numpy as np
import pytest

from ddpm.cli.parser import build_parser
from ddpm.commands.options import named_values
from ddpm.commands.report.pictures import _is_current
from ddpm.commands.sample.command import SAMPLE_OPTIONS
from ddpm.commands.sampler_lab.lab_result import describe_default, lab_chart, save_default
from ddpm.loading.models import open_model
from ddpm.runs import RunFolder
from ddpm.sampling.provenance import grid_comment
from ddpm.sampling.settings import resolve_settings
from ddpm.visuals.grids import save_grid
from tests.commands.sampler_lab.example_lab import LAB
from tests.conftest import MakeRun


@pytest.mark.parametrize("spacing", ["log-snr", "compact"])
def test_the_words_of_how_to_draw_draw_what_was_measured(make_run: MakeRun, spacing: str) -> None:
    """The command sets the spacing, because --sampler would otherwise set its own."""
    root = str(make_run("words", (1, 8, 8), data="digits"))
    opened = open_model(root, "cpu")
    chosen = replace(opened.model.spec.config.sampling, sampler="heun", steps=4, spacing=spacing)
    command = describe_default(opened, root, chosen, keep=True)["command"]
    options = build_parser().parse_args(shlex.split(command)[1:])
    assert (
        resolve_settings(opened.model, named_values(SAMPLE_OPTIONS, options)["overrides"]) == chosen
    )


def test_a_report_draws_the_grid_of_a_run_again_once_its_default_has_changed(
    make_run: MakeRun,
) -> None:
    own = RunFolder(make_run("shown", (1, 8, 8), data="digits"))
    opened = open_model(str(own.root), "cpu")
    settings = opened.model.spec.config.sampling
    comment = grid_comment(opened.model, settings, range(4), None, (2, 2))
    save_grid(own.sample_grid, np.zeros((4, 1, 8, 8), np.uint8), 2, 2, comment=comment)
    assert _is_current(own.sample_grid, opened)
    save_default(own, replace(settings, steps=settings.steps + 1))
    assert not _is_current(own.sample_grid, open_model(str(own.root), "cpu"))


def test_the_figure_has_a_curve_for_each_sampler_and_marks_the_recommended_point() -> None:
    chart = lab_chart(LAB)
    assert {name: [p.evaluations for p in curve] for name, curve in chart.curves.items()} == {
        "ddim": [2, 4], "unipc": [4],
    }  # fmt: skip
    words, point = chart.chosen
    assert words == "recommended: ddim, 4 steps" and (point.evaluations, point.value) == (4, 9.0)
    assert chart.baseline is not None and chart.baseline[0] == "ancestral, 1000 steps"
    assert chart.curves["ddim"][0].milliseconds == 3.0
    assert chart.note.startswith("mine: seeds 0–19 for every point.")
    assert lab_chart({**LAB, "points": LAB["points"][:3]}).baseline is None
