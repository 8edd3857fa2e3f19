"""Targets of `ddpm plan` and `ddpm doctor`: runs, configuration files and presets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ddpm.config import Config, with_overrides
from ddpm.errors import RequestError
from ddpm.loading.targets import TargetRequest, read_target
from ddpm.presets import get_preset
from ddpm.runs import RunFolder


@pytest.fixture
def run() -> RunFolder:
    """A run called like a preset, of 7 steps."""
    made = RunFolder(Path("runs") / "digits")
    made.root.mkdir(parents=True)
    config = with_overrides(get_preset("digits").config, ["training.steps=7"])
    made.config.write_text(json.dumps(config.to_dict()), encoding="utf-8")
    return made


@pytest.mark.parametrize("runs_first", [True, False])
def test_a_name_of_both_means_the_run_or_the_preset(run: RunFolder, runs_first: bool) -> None:
    target = read_target(TargetRequest("digits"), runs_first=runs_first)
    assert (target.run == run) is runs_first
    assert (target.config.training.steps == 7) is runs_first
    assert target.origin == ("the run runs/digits" if runs_first else "the preset digits")


def test_changes_are_applied(run: RunFolder) -> None:
    request = TargetRequest("digits", data="other", overrides=["training.batch_size=5"])
    config = read_target(request, runs_first=True).config
    assert (config.data.path, config.training.batch_size, config.training.steps) == ("other", 5, 7)


def test_half_precision_is_replaced_and_reported(run: RunFolder) -> None:
    changed = read_target(
        TargetRequest("digits", overrides=["training.precision=fp16"]), runs_first=False
    )
    values = json.loads(run.config.read_text(encoding="utf-8"))
    values["training"]["precision"] = "half"
    Path("half.json").write_text(json.dumps(values), encoding="utf-8")
    read = read_target(TargetRequest("half.json"), runs_first=True)
    for target in (changed, read):
        assert (
            target.requests_fp16 and target.config.training.precision == Config().training.precision
        )
    assert not read_target(TargetRequest("digits"), runs_first=True).requests_fp16


def test_what_is_no_target_is_refused_with_the_way_out() -> None:
    Path("images").mkdir()
    with pytest.raises(
        RequestError, match=r"neither a run .* for images, pass: folder --data images"
    ):
        read_target(TargetRequest("images"), runs_first=True)
    with pytest.raises(RequestError, match=r"called 'digit'; did you mean digits\?"):
        read_target(TargetRequest("digit"), runs_first=True)
    with pytest.raises(RequestError, match="leave --scale out"):
        read_target(TargetRequest("images", scale="cpu"), runs_first=True)
