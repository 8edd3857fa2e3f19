"""`ddpm distill --guidance`: a teacher without labels is guided by an early state of its own run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ddpm.commands.distill.distill import DistillRequest, default_steps, distill
from ddpm.commands.train.train import train
from ddpm.config import config_from_dict, load_config, with_overrides
from ddpm.diffusion.samplers import starting_noise
from ddpm.errors import RequestError
from ddpm.files import write_json
from ddpm.loading.models import open_model
from ddpm.loading.teachers import check_guide, find_teacher
from ddpm.models.base import as_diffusion
from ddpm.models.student import Student
from ddpm.presets import get_preset
from ddpm.runs import RunFolder
from ddpm.sampling.settings import resolve_settings
from tests.faults.harness import weights

TINY = (
    "data.labels=false",
    "network.channels=8",
    "network.attention=[]",
    "training.steps=6",
    "training.batch_size=8",
    "training.checkpoint_every=2",
    "training.memorization_every=0",
    "sampling.guidance=1",
    "sampling.steps=3",
)
GUIDED = ("student.guidance=2", "training.checkpoint_every=2")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> RunFolder:
    """A run without labels, with checkpoints of steps 2, 4 and 6."""
    config = with_overrides(get_preset("digits").config, TINY)
    return train(config, tmp_path_factory.mktemp("runs") / "teacher").run


@pytest.fixture(scope="module")
def student(teacher: RunFolder) -> RunFolder:
    out = teacher.root.with_name("student")
    return distill(DistillRequest(str(teacher.root), out, steps=4, overrides=GUIDED)).run


def found_teacher(run: RunFolder) -> Student:
    """The student of a run, with the teacher that its folder holds."""
    config = load_config(run.config)
    found = find_teacher(run, config, None, "cpu")
    opened = open_model(str(run.root), "cpu").model
    assert found is not None and isinstance(opened, Student)
    opened.set_teacher(found)
    return opened


def test_the_trajectories_are_those_of_the_guided_run(
    teacher: RunFolder, student: RunFolder
) -> None:
    opened = open_model(str(teacher.root), "cpu").model
    guided = replace(
        resolve_settings(opened, ["sampling.guidance=2"]),
        sampler="unipc",
        steps=8,
        spacing="compact",
    )
    assert guided.guide == "step:2"
    learner = found_teacher(student)
    noise = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    states = learner._teacher_states(noise, None)
    levels = learner.teacher_levels
    x = starting_noise(levels, lambda: noise)
    *_, last = opened.frames(levels, x, lambda: noise, None, guided)  # type: ignore[attr-defined]
    assert torch.equal(states[-1], last.x)
    *_, plain = opened.frames(  # type: ignore[attr-defined]
        levels, x, lambda: noise, None, replace(guided, guidance=1.0)
    )
    assert not torch.allclose(states[-1], plain.x, atol=1e-3)


def test_it_needs_neither_the_run_nor_its_early_state_to_go_on(
    teacher: RunFolder, student: RunFolder, tmp_path: Path
) -> None:
    killed = RunFolder(Path(shutil.copytree(student.root, tmp_path / "killed")))
    shutil.rmtree(killed.checkpoint(4))
    moved = teacher.root.rename(teacher.root.with_name("elsewhere"))
    try:
        config = config_from_dict(json.loads(killed.config.read_text("utf-8")))
        train(config, killed.root)
    finally:
        moved.rename(teacher.root)
    assert weights(killed, 4) == weights(student, 4)


def test_the_run_says_how_its_teacher_was_guided(student: RunFolder) -> None:
    assert load_config(student.config).student.guidance == 2
    entry = student.load_environment()["teacher"]
    assert entry["drawn"]["guide"] == "step:2" and entry["guide"] != entry["weights"]
    assert "guidance 2 away from step:2" in found_teacher(student).describe()[1]


@pytest.mark.parametrize("damage", ["lost", "altered"])
def test_a_lost_or_altered_guide_is_refused(
    student: RunFolder, tmp_path: Path, damage: str
) -> None:
    run = RunFolder(Path(shutil.copytree(student.root, tmp_path / "copy")))
    if damage == "lost":
        run.teacher_guide.unlink()
    else:
        shutil.copyfile(run.teacher, run.teacher_guide)
    with pytest.raises(RequestError, match=r"is lost: .* teacher-guide\.safetensors is missing"):
        find_teacher(run, load_config(run.config), None, "cpu")


def test_another_guidance_is_another_student(teacher: RunFolder, student: RunFolder) -> None:
    request = DistillRequest(
        str(teacher.root), student.root, steps=4, overrides=("student.guidance=3",)
    )
    with pytest.raises(RequestError, match="Choose another --out"):
        distill(request)


def test_a_run_without_an_early_state_cannot_be_guided(teacher: RunFolder, tmp_path: Path) -> None:
    run = RunFolder(Path(shutil.copytree(teacher.root, tmp_path / "late")))
    shutil.rmtree(run.checkpoint(2))
    with pytest.raises(RequestError, match="learned no labels"):
        distill(DistillRequest(str(run.root), tmp_path / "few", steps=4, overrides=GUIDED))


def test_a_teacher_whose_guide_is_lost_is_distilled_without_it(
    teacher: RunFolder, tmp_path: Path
) -> None:
    run = RunFolder(Path(shutil.copytree(teacher.root, tmp_path / "guided")))
    guided = with_overrides(
        load_config(run.config), ["sampling.guidance=2", "sampling.guide=step:2"]
    )
    write_json(run.config, guided.to_dict())
    shutil.rmtree(run.checkpoint(2))
    request = DistillRequest(str(run.root), tmp_path / "few", steps=2)
    with pytest.raises(RequestError, match="holds no checkpoint of step 2"):
        distill(request)
    alone = replace(request, overrides=("student.guidance=1",))
    assert distill(alone).step == 2


def test_a_guide_that_is_an_onnx_file_is_refused(
    teacher: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_model(str(teacher.root), "cpu").model
    sampling = resolve_settings(opened, ["sampling.guidance=2"])
    opened.spec = opened.spec.with_config(replace(opened.spec.config, sampling=sampling))
    found = as_diffusion(opened)
    assert found is not None
    guide = found.guide("step:2")._replace(network=torch.nn.Identity())
    monkeypatch.setattr(found.guides, "loaded", {"step:2": guide})
    with pytest.raises(RequestError, match=r"ONNX file .*--guidance 1"):
        check_guide(found, "teacher")


def test_a_guided_trajectory_counts_as_two(teacher: RunFolder) -> None:
    plain = with_overrides(load_config(teacher.config), ["training.steps=1000"])
    guided = with_overrides(plain, ["sampling.guidance=2", "sampling.guide=step:2"])
    assert default_steps(plain, 4) == 120
    low, high = guided.sampling.guidance_interval
    assert default_steps(guided, 4) == round(200 / (1 + 8 * (1 + high - low) / 12))
