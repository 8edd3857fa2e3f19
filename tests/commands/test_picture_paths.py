"""The pictures of a finished run are printed, one path in each line."""

from __future__ import annotations

import pytest

from ddpm.commands.picture_paths import print_picture_paths
from ddpm.runs import RunFolder
from tests.conftest import MakeRun


@pytest.mark.parametrize(("model", "has_gif"), [("ddpm", True), ("dcgan", False)])
def test_a_finished_run_prints_its_pictures(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str], model: str, has_gif: bool
) -> None:
    run = RunFolder(make_run("mine", (1, 28, 28), model=model))
    assert print_picture_paths(run, 0) == 0
    names = [line.rsplit("/", 1)[-1] for line in capsys.readouterr().out.splitlines()]
    assert names == ["loss.png", "samples.png"] + ["denoising.gif"] * has_gif


def test_a_run_that_was_stopped_prints_nothing(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunFolder(make_run("mine", (1, 28, 28)))
    assert print_picture_paths(run, 130) == 130
    assert capsys.readouterr().out == ""
