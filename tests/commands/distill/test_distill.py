"""`ddpm distill`: a student is a run like any other, keeps its teacher, and survives being killed."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ddpm.commands.bundle.handin_runs import open_image_run
from ddpm.commands.distill.distill import (
    DistillRequest,
    default_drift,
    default_steps,
    distill,
    student_config,
)
from ddpm.commands.doctor.diagnose import diagnose
from ddpm.commands.edit.edit import write_interpolation
from ddpm.commands.export.export import export
from ddpm.commands.plan.plan import PlanRequest, plan
from ddpm.commands.report.reproduce import train_command
from ddpm.commands.sample.sample import SampleRequest, write_samples
from ddpm.commands.train.train import train
from ddpm.config import (
    Config,
    DataConfig,
    SamplingConfig,
    config_from_dict,
    load_config,
    with_overrides,
)
from ddpm.errors import RequestError
from ddpm.files import write_json
from ddpm.loading.models import open_model
from ddpm.loading.targets import TargetRequest
from ddpm.messages import message
from ddpm.models.ddpm import Ddpm as DiffusionModel
from ddpm.models.fingerprint import weights_hash
from ddpm.models.student import Student
from ddpm.presets import PRESETS, get_preset
from ddpm.runs import RunFolder, read_metrics
from ddpm.training import checkpoint
from tests.faults.harness import KILL, Ddpm, Fuse, leftovers, rows, weights

TINY = (
    "network.channels=8",
    "network.attention=[]",
    "training.steps=6",
    "training.batch_size=8",
    "training.checkpoint_every=2",
    "training.heldout_every=3",
    "training.memorization_every=0",
    "sampling.guidance=2",
    "sampling.steps=3",
)
OFTEN = ("training.checkpoint_every=2", "training.heldout_every=3")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> RunFolder:
    """A guided diffusion model on the bundled digits."""
    config = with_overrides(get_preset("digits").config, TINY)
    return train(config, tmp_path_factory.mktemp("runs") / "teacher").run


@pytest.fixture(scope="module")
def student(teacher: RunFolder, cache: Path) -> RunFolder:
    out = teacher.root.with_name("student")
    outcome = distill(DistillRequest(str(teacher.root), out, steps=4, overrides=OFTEN))
    assert outcome.exit_status == 0 and outcome.step == outcome.steps == 4
    return outcome.run


@pytest.fixture
def copies(teacher: RunFolder, student: RunFolder, tmp_path: Path) -> tuple[RunFolder, RunFolder]:
    """The teacher, and a student that was killed after its checkpoint of step 2."""
    for run in (teacher, student):
        shutil.copytree(run.root, tmp_path / run.root.name)
    killed = RunFolder(tmp_path / student.root.name)
    shutil.rmtree(killed.checkpoint(4))
    return RunFolder(tmp_path / teacher.root.name), killed


def again(student: RunFolder) -> RunFolder:
    """What `ddpm train RUN` does."""
    config = config_from_dict(json.loads(student.config.read_text(encoding="utf-8")))
    return train(config, student.root).run


# --- a run like any other ----------------------------------------------------------------------------


def test_a_student_is_a_run_like_any_other(teacher: RunFolder, student: RunFolder) -> None:
    assert all(path.is_file() for path in student.pictures(True))
    found = read_metrics(student.metrics)
    assert [row["step"] for row in found if "loss" in row] == [1, 2, 3, 4]
    assert [row["step"] for row in found if "heldout_loss" in row] == [3, 4]
    opened = open_model(str(student.root))
    assert isinstance(opened.model, Student) and opened.step == 4
    assert opened.model.describe_sampling(opened.model.spec.config.sampling) == message(
        "student", count=4
    )
    write_samples(str(student.root), ["sampling.chunk=2"], SampleRequest(n=3, out=Path("x.npz")))
    with np.load("x.npz") as stored:
        assert stored["images"].shape == (3, 1, 8, 8)
    (grid,) = write_samples(str(student.root), [], SampleRequest(n=4))
    assert grid.parent == student.samples


def test_its_weights_alone_draw_the_same(student: RunFolder, tmp_path: Path) -> None:
    file = export(str(student.root), "safetensors", tmp_path / "few.safetensors")
    for target, out in ((str(student.root), "run.npz"), (str(file), "file.npz")):
        write_samples(target, [], SampleRequest(n=3, out=Path(out)))
    with np.load("run.npz") as run, np.load("file.npz") as exported:
        assert np.array_equal(run["images"], exported["images"])


def test_it_keeps_its_teacher_and_says_which(teacher: RunFolder, student: RunFolder) -> None:
    original, kept = (open_model(str(path)).model for path in (teacher.root, student.teacher))
    assert isinstance(kept, DiffusionModel)
    assert weights_hash(kept) == weights_hash(original)
    assert kept.spec.config.sampling == original.spec.config.sampling
    assert student.load_environment()["teacher"] == {
        "name": str(teacher.root),
        "weights": weights_hash(original),
        "drawn": message("sampler_guided", sampler="dpm++2m", steps=3, guidance=2.0),
    }
    assert teacher.load_environment().get("teacher") is None and not teacher.teacher.exists()


def test_it_begins_as_its_teacher_and_goes_elsewhere(
    teacher: RunFolder, student: RunFolder
) -> None:
    first, last = (checkpoint.load(student.checkpoint(step)).state["ema"] for step in (2, 4))
    begun = open_model(str(teacher.root)).model.averaged_weights()
    apart = [
        sum(float((state[name] - begun[name]).abs().sum()) for name in begun)
        for state in (first, last)
    ]
    assert 0 < apart[0] < apart[1]


def test_unless_told_otherwise_it_lies_beside_the_runs(
    teacher: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Config, Path, str | None]] = []
    monkeypatch.setattr(
        "ddpm.commands.train.train.train",
        lambda config, out, init, device: asked.append((config, out, init)),
    )
    distill(DistillRequest(str(teacher.root)))
    distill(DistillRequest("digits", minutes=2.5, data="elsewhere", overrides=("training.seed=7",)))
    (first, beside, named), (second, bundled, _) = asked
    assert (beside, named) == (Path("runs/teacher-few"), str(teacher.root))
    assert first.training.steps == 1  # a fifth of 6, shared with the walks
    assert (first.student.evaluations, second.student.evaluations) == (4, 4)
    assert first.data.path == "digits" and bundled == Path("runs/digits-few")
    assert (second.training.minutes, second.training.seed, second.data.path) == (
        2.5,
        7,
        "elsewhere",
    )


# --- the recipe --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n, p in PRESETS.items() if p.config.model == "ddpm"])
def test_every_preset_of_a_diffusion_model_has_a_student(name: str) -> None:
    known = get_preset(name).config
    config = with_overrides(student_config(known, 3), ["training.seed=1"])  # checks all of it
    assert config.model == "student" and config.student.evaluations == 3
    assert config.network == known.network and config.data.path == known.data.path
    assert config.diffusion.objective != "noise"


def test_a_fifth_of_the_teacher_s_time_counts_the_teacher_s_walks() -> None:
    """A walk of 9 costs as much as 3 images of a batch, and is shared by as many points as jumps."""
    plain = with_overrides(Config(), ["training.steps=1000"])
    assert [default_steps(plain, jumps) for jumps in (1, 2, 3, 4)] == [55, 86, 100, 120]
    guided = Config(
        data=DataConfig(labels=True),
        training=plain.training,
        sampling=SamplingConfig(guidance=1.6, guidance_interval=(0.2, 0.9)),
    )
    assert default_steps(guided, 4) == round(200 / (1 + 8 * 1.7 / 12))


def test_a_student_drifts_in_larger_batches_if_classes_are_few() -> None:
    teacher = get_preset("mnist").config
    assert [default_drift(teacher, jumps, 10) for jumps in range(1, 9)] == [0.5, 0.3, *6 * [0.2]]
    assert (
        default_drift(teacher, 1, 22) == 0 < default_drift(teacher, 1, 21)
    )  # 12 of a class in 256
    student, plain = student_config(teacher, 1, 0.5), student_config(teacher, 1)
    assert (student.training.batch_size, plain.training.batch_size) == (256, 64)
    large = with_overrides(teacher, ["training.batch_size=512"])
    student, plain = student_config(large, 1, 0.5), student_config(large, 1)
    assert (student.training.batch_size, plain.training.batch_size) == (256, 512)
    usual = student_config(teacher, 1, 0.5).training.steps
    assert student.training.steps == pytest.approx(
        8 * usual, rel=0.01
    )  # of an eighth of the images
    flipped = with_overrides(teacher, ["data.flip=true", "training.accumulate=4"])
    student, plain = student_config(flipped, 1, 0.5), student_config(flipped, 1)
    assert (student.data.flip, student.training.accumulate) == (True, 1)
    assert (plain.data.flip, plain.training.accumulate) == (False, 4)


def test_the_time_of_drifting_steps_is_counted() -> None:
    """A step of 2 generated and 4 real images for each of the teacher's batch: 2 (2 + 4) + 4 passes."""
    plain = with_overrides(Config(), ["training.steps=1000", "training.batch_size=64"])
    assert default_steps(plain, 2, 1.0) == round(200 * 3 / 16)
    assert default_steps(plain, 2, 0.5) == round(200 * 3 / ((3 + 8 / 2 + 16) / 2))


def test_a_drifting_student_killed_in_its_last_steps_goes_on_in_the_same_bits(
    teacher: RunFolder, tmp_path: Path
) -> None:
    drifts = ("student.drift=0.5", "training.batch_size=32", *OFTEN)
    request = DistillRequest(str(teacher.root), tmp_path / "whole", 1, steps=4, overrides=())
    whole = distill(replace(request, overrides=drifts)).run
    found = read_metrics(whole.metrics)
    assert [row["step"] for row in found if "loss" in row] == [1, 2, 3, 4]
    assert load_config(whole.config).student.drift == 0.5
    killed = RunFolder(Path(shutil.copytree(whole.root, tmp_path / "killed")))
    shutil.rmtree(killed.checkpoint(4))
    assert weights(again(killed), 4) == weights(whole, 4)
    command = train_command(whole.root, load_config(whole.config), str(teacher.root))
    assert "--evaluations 1 " in command and "--set student.drift=0.5" in command


def test_a_teacher_that_was_stopped_early_counts_the_steps_that_it_has_had(
    copies: tuple[RunFolder, RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    original, _ = copies
    config = with_overrides(load_config(original.config), ["training.steps=60"])
    heard: list[int] = []
    monkeypatch.setattr(
        "ddpm.commands.train.train.train",
        lambda config, *rest, **more: heard.append(config.training.steps),
    )
    model = open_model(str(original.root)).model
    planned = model.spec.with_config(config)
    state = checkpoint.load(original.checkpoint(6)).state
    shutil.rmtree(original.checkpoint(6))
    checkpoint.save(original.checkpoint(6), state, planned, {"step": 6, "seconds": 1.0})
    distill(DistillRequest(str(original.root), Path("few")))
    assert heard == [1] and default_steps(config, 4) > 1


# --- killed ------------------------------------------------------------------------------------------


def test_killed_it_goes_on_in_the_same_bits_without_its_original(
    copies: tuple[RunFolder, RunFolder], student: RunFolder
) -> None:
    original, killed = copies
    shutil.rmtree(original.root)
    again(killed)
    assert weights(killed, 4) == weights(student, 4)
    assert killed.teacher.read_bytes() == student.teacher.read_bytes()


def test_another_teacher_is_not_taken_for_the_first(copies: tuple[RunFolder, RunFolder]) -> None:
    original, killed = copies
    model = open_model(str(original.root)).model
    tensors = {name: tensor + 1 for name, tensor in model.averaged_weights().items()}
    checkpoint.save_weights(killed.teacher, tensors, model.spec)
    with pytest.raises(RequestError, match=r"is lost: .* another --out"):
        again(killed)
    killed.teacher.write_bytes(b"nothing")
    with pytest.raises(RequestError, match="not a readable safetensors file"):
        again(killed)


@pytest.mark.parametrize(
    "change",
    [
        "training.steps=8",
        "sampling.guidance=3",
        "sampling.clip=none",
        "sampling.guidance_rescale=0.5",
        "sampling.classifier_guidance=1",
    ],
)
def test_a_teacher_that_has_changed_since_is_not_passed_over_in_silence(
    copies: tuple[RunFolder, RunFolder], change: str
) -> None:
    original, killed = copies
    config = with_overrides(load_config(original.config), ["sampling.steps=2", change])
    write_json(original.config, config.to_dict())
    if change.startswith("training"):
        assert train(config, original.root).step == 8
    request = DistillRequest(str(original.root), killed.root, steps=4, overrides=OFTEN)
    words = refused(request)
    assert "has changed since" in words and f"ddpm train {killed.root}" in words
    again(killed)
    assert killed.checkpoint_steps() == [2, 4]  # the same student of the same teacher


def test_other_steps_of_the_teacher_s_own_drawing_are_no_other_teacher(
    copies: tuple[RunFolder, RunFolder], student: RunFolder
) -> None:
    original, killed = copies
    config = with_overrides(load_config(original.config), ["sampling.steps=2"])
    write_json(original.config, config.to_dict())
    distill(DistillRequest(str(original.root), killed.root, steps=4, overrides=OFTEN))
    assert weights(killed, 4) == weights(student, 4)


KILLS: list[tuple[str, Fuse, list[int]]] = [
    ("before the teacher's file", ("os", "replace", 2, KILL), []),
    ("before environment.json", ("os", "replace", 3, KILL), []),
    ("in a walk", ("ddpm.models.student:Student", "_teacher_states", 3, KILL), []),
    ("between a checkpoint's files", ("ddpm.training.checkpoint", "save_file", 5, KILL), [5]),
]


def test_a_killed_process_leaves_a_student_that_ends_in_the_same_bits(tmp_path: Path) -> None:
    own = ("model=student",)
    child, total = Ddpm(tmp_path, own=own), ("--init", "digits", "--steps", "12")
    whole, run = child.run("whole"), child.run("killed")
    assert child.train("whole", *total).status == 0
    for where, fuse, checkpoints in KILLS:
        done = child.train("killed", *total, fuse=fuse)
        assert done.status == -KILL or sys.platform == "win32", f"{where}: {done.output}"
        assert run.checkpoint_steps() == checkpoints, where
    done = child.train("killed", *total)
    assert done.status == 0 and "resuming at step 5 of 12" in done.output
    assert rows(run) == rows(whole)
    for step in run.checkpoint_steps():
        assert weights(run, step) == weights(whole, step)
    for killed, expected in zip(run.pictures(True), whole.pictures(True), strict=True):
        assert killed.read_bytes() == expected.read_bytes()
    assert run.teacher.read_bytes() == whole.teacher.read_bytes() and leftovers(run) == []


# --- refused -----------------------------------------------------------------------------------------


def refused(request: DistillRequest) -> str:
    before = sorted(Path.cwd().rglob("*"))
    with pytest.raises(RequestError) as error:
        distill(request)
    assert sorted(Path.cwd().rglob("*")) == before
    return str(error.value)


@pytest.mark.parametrize(
    ("totals", "words"),
    [
        ({"minutes": 1.0, "overrides": ["training.steps=5"]},
         r"^--minutes and --set training\.steps each set the length of the training; give one"),
        ({"steps": 5, "overrides": ["training.minutes=1"]}, r"^--steps and --set training\.minutes"),
        ({"minutes": 1.0, "steps": 5}, "^--minutes and --steps each"),
        ({"overrides": ["training.epochs=1", "training.steps = 5"]}, r"--set training\.steps"),
    ],
)  # fmt: skip
def test_the_length_is_given_once(
    teacher: RunFolder, tmp_path: Path, totals: dict[str, Any], words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        distill(DistillRequest(str(teacher.root), tmp_path / "few", device="cpu", **totals))
    assert not (tmp_path / "few").exists()


def test_a_student_has_no_student(student: RunFolder) -> None:
    words = refused(DistillRequest(str(student.root)))
    assert words.startswith(
        "student is a few-step student, but only a diffusion model can be distilled"
    )


def test_a_dcgan_is_no_teacher(tmp_path: Path) -> None:
    config = with_overrides(
        get_preset("dcgan-folder").config,
        ["data.path=digits", "gan.channels=8", "training.steps=1", "training.batch_size=8"],
    )
    gan = train(config, tmp_path / "gan").run
    assert refused(DistillRequest(str(gan.root))).startswith("gan is a DCGAN")


def test_a_folder_of_something_else_is_not_written_into(teacher: RunFolder) -> None:
    Path("notes").mkdir()
    Path("notes/a.txt").write_text("mine", encoding="utf-8")
    assert "holds other files" in refused(DistillRequest(str(teacher.root), Path("notes")))
    assert "other settings (model" in refused(DistillRequest(str(teacher.root), teacher.root))


def test_images_must_be_there_and_of_the_teacher_s_kind(teacher: RunFolder) -> None:
    assert "nowhere" in refused(DistillRequest(str(teacher.root), Path("few"), data="nowhere"))
    np.save(
        "large.npy", np.zeros((4, 12, 12), np.uint8) + np.arange(4, dtype=np.uint8)[:, None, None]
    )
    resized = ("data.size=auto",)
    words = refused(
        DistillRequest(str(teacher.root), Path("few"), data="large.npy", overrides=resized)
    )
    assert words.startswith("The images are 1x12x12, but the teacher generates 1x8x8")
    words = refused(DistillRequest(str(teacher.root), Path("few"), data="large.npy"))
    assert words.startswith("The teacher has the classes 0, 1, 2")


@pytest.mark.parametrize("other", ["schedule=linear", "num_steps=500"])
def test_it_walks_on_its_teacher_s_noise_levels_or_not_at_all(
    teacher: RunFolder, other: str
) -> None:
    request = DistillRequest(str(teacher.root), Path("few"), overrides=[f"diffusion.{other}"])
    assert "diffusion.schedule=cosine, diffusion.num_steps=1000; leave" in refused(request)


def test_without_a_teacher_there_is_no_student() -> None:
    config = with_overrides(get_preset("digits").config, ["model=student"])
    with pytest.raises(RequestError, match="ddpm distill RUN"):
        train(config, Path("alone"))
    assert not Path("alone/config.json").exists()


@pytest.mark.parametrize("key", ["steps=2", "sampler=ancestral", "guidance=2", "spacing=uniform"])
def test_its_way_of_drawing_is_fixed(student: RunFolder, key: str) -> None:
    with pytest.raises(RequestError, match=r"only as it was trained \(4 evaluations"):
        write_samples(str(student.root), [f"sampling.{key}"], SampleRequest(n=1, out=Path("x.png")))
    assert not Path("x.png").exists()


def test_another_number_of_evaluations_is_another_run(
    teacher: RunFolder, student: RunFolder
) -> None:
    request = DistillRequest(str(teacher.root), student.root, evaluations=2, steps=4)
    assert "other settings (student.evaluations" in refused(request)


def test_evaluations_are_said_where_the_length_follows_them(teacher: RunFolder) -> None:
    overrides = ["training.seed=1", "student.evaluations=2"]
    words = refused(DistillRequest(str(teacher.root), Path("few"), overrides=overrides))
    assert "use --evaluations" in words


def test_others_have_no_evaluations_to_choose() -> None:
    for preset in ("digits", "dcgan-mnist"):
        with pytest.raises(RequestError, match="setting of a few-step student"):
            with_overrides(get_preset(preset).config, ["student.evaluations=2"])


def test_the_doctor_and_the_plan_do_not_take_it_for_a_dcgan(student: RunFolder) -> None:
    told = diagnose(TargetRequest(str(student.root))).row()
    assert "DCGAN" not in json.dumps(told) and "are few" not in json.dumps(told)
    with pytest.raises(RequestError, match="a fifth of its teacher's training time"):
        plan(PlanRequest(str(student.root)))


def test_it_is_no_entry_of_the_course(student: RunFolder) -> None:
    with pytest.raises(RequestError, match=r"few-step student, not .*; give --mnist its teacher"):
        open_image_run("mnist", str(student.root), range(25), "cpu")


def test_it_edits_nothing(student: RunFolder) -> None:
    with pytest.raises(RequestError, match=r"few-step student, but only .* pass its teacher"):
        write_interpolation(str(student.root), [], pairs=1, between=1, out=Path("x.png"))


def test_the_teacher_s_run_and_the_global_stream_are_left_alone(teacher: RunFolder) -> None:
    before = weights(teacher, 6)
    state = torch.get_rng_state()
    distill(DistillRequest(str(teacher.root), Path("few"), steps=1))
    assert weights(teacher, 6) == before
    assert torch.equal(torch.get_rng_state(), state)
