"""The runs of a hand-in: which are taken, their names, pictures and configurations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from ddpm.commands.bundle.handin_runs import (
    SEEDS,
    config_files,
    open_baselines,
    open_image_run,
    run_note,
    write_pictures,
)
from ddpm.errors import RequestError
from ddpm.models.fingerprint import weights_hash
from ddpm.visuals.grid_mark import read_grid_mark
from tests.conftest import STEP, MakeRun

SIZE = (1, 28, 28)


def test_a_diffusion_model_of_the_size_is_taken(make_run: MakeRun) -> None:
    part = open_image_run("mnist", str(make_run("mine", SIZE)), SEEDS, "cpu")
    assert (part.name, part.images) == ("mnist", "mnist")
    assert part.caption == "seeds 0–24, unipc, 2 steps"


def test_picked_seeds_are_said_and_are_not_consecutive(make_run: MakeRun) -> None:
    seeds = (*range(24), 99)
    part = open_image_run("mnist", str(make_run("mine", SIZE)), seeds, "cpu")
    assert part.caption.startswith("seeds 0–23, 99 (picked), ")
    assert run_note(part).first_seed is None
    moved = open_image_run("mnist", str(make_run("mine", SIZE)), range(5, 30), "cpu")
    assert run_note(moved).first_seed == 5 and run_note(moved).step == STEP


def test_other_runs_are_refused_with_what_to_give(make_run: MakeRun) -> None:
    gan = str(make_run("gan", SIZE, model="dcgan"))
    small = str(make_run("small", (1, 8, 8)))
    with pytest.raises(RequestError, match=r"is a DCGAN, not a diffusion model; .* run to --dcgan"):
        open_image_run("mnist", gan, SEEDS, "cpu")
    with pytest.raises(RequestError, match=r"generates images of 8x8, .* with data\.size=28"):
        open_image_run("mnist", small, SEEDS, "cpu")
    with pytest.raises(RequestError, match="--dcgan takes the runs of a DCGAN"):
        open_baselines([small], "cpu")
    with pytest.raises(RequestError, match="nowhere is not a run folder"):
        open_baselines(["nowhere"], "cpu")


def test_baselines_of_one_name_are_numbered(make_run: MakeRun) -> None:
    targets = [str(make_run("gan", SIZE, model="dcgan")) for _ in range(2)]
    targets.append(str(make_run("mnist", SIZE, model="dcgan")))
    assert [part.name for part in open_baselines(targets, "cpu")] == ["gan", "gan-2", "mnist-2"]


def test_the_pictures_say_where_they_come_from(make_run: MakeRun, tmp_path: Path) -> None:
    part = open_image_run("mnist", str(make_run("mine", SIZE)), SEEDS, "cpu")
    write_pictures(tmp_path, part)
    files = sorted(path.name for path in tmp_path.glob("*.jp*g"))
    assert len(files) == 2
    grids = [name for name in files if "loss" not in name]
    with Image.open(tmp_path / grids[0]) as picture:
        mark = read_grid_mark(picture)
    assert mark is not None and mark.weights_hash == weights_hash(part.opened.model)


def test_configurations_hold_no_folders_of_their_author(make_run: MakeRun) -> None:
    root = make_run("mine", SIZE, data="/home/someone/images/mnist")
    part = open_image_run("mnist", str(root), SEEDS, "cpu")
    [(name, content)] = config_files([part]).items()
    assert name == "source/runs/mnist/config.json"
    assert json.loads(content)["data"]["path"] == "mnist" and b"someone" not in content
