"""A few-step student: what it is taught, that it learns it, and how it draws."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from ddpm.config import Config, StudentConfig, check
from ddpm.diffusion.distillation import HUBER_SCALE
from ddpm.diffusion.levels import Levels
from ddpm.errors import RequestError
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec
from ddpm.models.student import Student
from ddpm.optim.state import State
from ddpm.randomness import ImageNoise, generator_for

MakeSpec = Callable[..., ModelSpec]
MakeDdpm = Callable[..., Ddpm]
MakePair = Callable[..., Student]
IMAGES, LABELS = torch.zeros(8, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])


@pytest.fixture
def pair(small_spec: MakeSpec, small_ddpm: MakeDdpm) -> MakePair:
    """A student that begins as its teacher, which has random weights unless `awake` is off."""

    def make(
        *overrides: str,
        teacher: tuple[str, ...] = (),
        jumps: int = 4,
        awake: bool = True,
        **shape: Any,
    ) -> Student:
        known = small_ddpm(*teacher, awake=awake, **shape)
        student = Student(of_jumps(small_spec(*overrides, **shape), jumps))
        student.load_state({"ema": known.averaged_weights()})
        student.set_teacher(known)
        return student

    return make


def of_jumps(spec: ModelSpec, jumps: int = 4) -> ModelSpec:
    return spec.with_config(replace(spec.config, model="student", student=StudentConfig(jumps)))


def weights(model: Ddpm) -> Tensor:
    networks = (model.network, model.learner.ema.network)
    return torch.cat([p.detach().flatten().clone() for n in networks for p in n.parameters()])


def with_training(config: Config, **changes: Any) -> Config:
    return replace(config, training=replace(config.training, **changes))


def same(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(tensor, other[stem][name])
        for stem, tensors in one.items()
        for name, tensor in tensors.items()
    )


# --- what is taught ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("jumps", "places"), [(4, [0, 2, 4, 6, 8]), (3, [0, 3, 6, 9]), (2, [0, 4, 8])]
)
def test_a_step_is_taken_on_the_teacher_s_own_walks(
    pair: MakePair, jumps: int, places: list[int]
) -> None:
    """The loss by hand: 8 images a batch are about as many points; the solver's steps are even in t."""
    guided = ("sampling.guidance=3", "sampling.guidance_interval=0.2,0.9")
    model, walks = pair(jumps=jumps, classes=3, teacher=guided), 8 // jumps
    known = model.teacher
    assert known is not None
    own, steps = known.spec.config.sampling, places[-1]
    settings = replace(own, sampler="unipc", steps=steps, spacing="trailing")
    visited, labels = known.levels(settings), LABELS[:walks]
    noise = torch.randn((walks, 1, 8, 8), generator=generator_for(0, "step", 5))
    frames = known.frames(visited, noise, lambda: noise, labels.tolist(), settings)
    states = [frame.x for frame in frames]
    schedule, errors = known.schedule, []
    for here, there in itertools.pairwise(places):
        x, t = states[here], visited.t[[here] * walks]
        a, s, a2, s2 = (float(v) for v in (*both(visited, here), *both(visited, there)))
        aim = (states[there] - s2 / s * x) / (a2 - s2 / s * a)
        signal, sigma = schedule.at(t, x)
        with torch.no_grad():
            image = signal * x - sigma * model.ddpm.network(x, t, labels)  # of a predicted v
        errors.append((image - aim).square().mean(dim=(1, 2, 3)))
    expected = (torch.cat(errors) + HUBER_SCALE**2).sqrt() - HUBER_SCALE
    losses = model.training_step(IMAGES, LABELS, 5)
    torch.testing.assert_close(losses["loss"], expected.mean())
    torch.testing.assert_close(losses["loss_levels"][-1], expected[:walks].mean())  # t = 19


def both(levels: Levels, place: int) -> tuple[Tensor, Tensor]:
    return levels.signal[place], levels.sigma[place]


def test_the_teacher_is_never_changed_and_its_walks_carry_no_gradient(pair: MakePair) -> None:
    model = pair(classes=3)
    assert model.teacher is not None
    before, ours = weights(model.teacher), weights(model.ddpm)
    points = model._jump_batch(2, LABELS, generator_for(0, "step", 1))
    assert not points.target.requires_grad and not points.x.requires_grad
    for step in (1, 2):
        model.training_step(IMAGES, LABELS, step)
        model.heldout_loss(IMAGES, LABELS)
    assert torch.equal(weights(model.teacher), before)
    assert all(p.grad is None for p in model.teacher.network.parameters())
    assert not torch.equal(weights(model.ddpm), ours)


def test_guidance_is_in_the_walks(pair: MakePair) -> None:
    one, other = (
        pair(classes=3, teacher=(f"sampling.guidance={scale}",))
        ._jump_batch(2, LABELS, generator_for(0, "step", 1))
        .target
        for scale in (1, 3)
    )
    assert not torch.allclose(one, other, atol=1e-3)


def test_without_labels_nothing_of_a_batch_is_looked_at(pair: MakePair) -> None:
    one, other = pair(channels=3), pair(channels=3)
    images = torch.zeros(8, 3, 8, 8)
    assert torch.equal(
        one.training_step(images, None, 1)["loss"],
        other.training_step(images + 1, LABELS, 1)["loss"],
    )
    assert one.image_losses(images, None) is None  # type: ignore[func-returns-value]


def test_it_learns_to_jump(pair: MakePair) -> None:
    """A silent teacher's walks go from each state to a multiple of it."""
    model = pair("training.learning_rate=1e-2", "training.ema=0.9", awake=False)
    before = model.heldout_loss(IMAGES, None)["loss"]
    for step in range(1, 31):
        model.training_step(IMAGES.repeat(4, 1, 1, 1), None, step)
    assert float(model.heldout_loss(IMAGES, None)["loss"]) < 0.8 * float(before)


def test_micro_batches_add_up(pair: MakePair) -> None:
    whole, parts = pair(classes=3), pair("training.accumulate=3", classes=3)
    losses = [model.training_step(IMAGES, LABELS, 1)["loss"] for model in (whole, parts)]
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(weights(whole.ddpm), weights(parts.ddpm), atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(
    ("schedule", "objective", "variance"),
    [
        ("linear", "v", "true"),
        ("flow", "velocity", "false"),
        ("edm", "edm", "false"),
        ("sigmoid", "x0", "true"),
    ],
)
def test_every_kind_of_teacher_teaches(
    pair: MakePair, schedule: str, objective: str, variance: str
) -> None:
    kind = (
        f"diffusion.schedule={schedule}",
        f"diffusion.objective={objective}",
        f"diffusion.learned_variance={variance}",
    )
    model = pair(*kind, teacher=kind)
    assert model.training_step(IMAGES, None, 1)["loss"].isfinite()
    *_, last = model.trajectory([0, 1], None, model.spec.config.sampling)
    assert last.x.shape == (2, 1, 8, 8) and bool(last.x.isfinite().all())


def test_without_a_teacher_it_does_not_learn(small_spec: MakeSpec) -> None:
    model = Student(of_jumps(small_spec()))
    with pytest.raises(RequestError, match="ddpm distill RUN"):
        model.training_step(IMAGES, None, 1)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_taken_up_again_it_goes_on_in_the_same_bits(
    pair: MakePair, stored: Callable[[State], State], optimizer: str
) -> None:
    """The teacher is no part of the state: the one it gets again serves as well."""
    own = (f"training.optimizer={optimizer}", "training.ema=0.9")
    whole, again = pair(*own, classes=3), pair(*own, classes=3)
    for step in (1, 2):
        whole.training_step(IMAGES, LABELS, step)
    saved = stored(whole.state())
    assert set(saved) == {"ema", "weights", "optimizer"}
    again.load_state(saved)
    for step in (3, 4):
        losses = [model.training_step(IMAGES, LABELS, step)["loss"] for model in (whole, again)]
        assert torch.equal(*losses)
    assert same(whole.state(), again.state())


# --- drawing -----------------------------------------------------------------------------------------


def drawn(model: Student, seeds: list[int], labels: list[int] | None, **changes: Any) -> Tensor:
    settings = replace(model.spec.config.sampling, **changes)
    return list(model.trajectory(seeds, labels, settings))[-1].x


@pytest.mark.parametrize("jumps", [1, 2, 4])
def test_an_image_is_its_seed_s_whatever_else_is_drawn_with_it(pair: MakePair, jumps: int) -> None:
    model = pair(jumps=jumps, classes=3)
    one, other = (drawn(model, seeds, [0, 1, 2]) for seeds in ([5, 1, 2], [5, 8, 9]))
    assert torch.equal(one[0], other[0]) and not torch.equal(one[1], other[1])
    assert torch.equal(one, drawn(model, [5, 1, 2], [0, 1, 2]))
    assert not torch.equal(one, drawn(model, [5, 1, 2], [1, 2, 0]))


def test_a_single_jump_is_one_answer_about_the_starting_noise(pair: MakePair) -> None:
    model = pair(jumps=1)
    frames = list(model.trajectory([3], None, model.spec.config.sampling))
    start = float(model.ddpm.schedule.sigma[-1]) * ImageNoise([3], (1, 8, 8))()
    assert torch.equal(frames[0].x, start) and [f.remaining for f in frames] == [1, 0]
    t = torch.tensor([19])
    signal, sigma = model.ddpm.schedule.at(t, start)
    with torch.no_grad():
        answer = model.ddpm.learner.ema.network.eval()(start, t)
    torch.testing.assert_close(frames[1].x, signal * start - sigma * answer)


@pytest.mark.parametrize("jumps", [1, 2, 3, 4])
def test_every_jump_asks_the_network_once(
    pair: MakePair, monkeypatch: pytest.MonkeyPatch, jumps: int
) -> None:
    model, asked = pair(jumps=jumps, classes=3), []
    real = model.ddpm.learner.ema.network.forward

    def counting(x: Tensor, t: Tensor, *rest: Any) -> Tensor:
        asked.append(int(t[0]))
        return real(x, t, *rest)

    monkeypatch.setattr(model.ddpm.learner.ema.network, "forward", counting)
    frames = list(model.trajectory([0, 1], [0, 1], model.spec.config.sampling))
    assert asked == model.jumps.t.tolist() and len(asked) == jumps and asked[0] == 19
    assert [frame.remaining for frame in frames] == list(range(jumps, -1, -1))


def test_settings_of_drawing_change_nothing(pair: MakePair) -> None:
    model = pair(classes=3)
    other = drawn(model, [0], [1], sampler="ancestral", steps=9, guidance=3.0, clip="dynamic")
    assert torch.equal(drawn(model, [0], [1]), other)


def test_it_says_how_it_draws_and_what_it_learns(pair: MakePair) -> None:
    model = pair(classes=3, teacher=("sampling.guidance=1.6",))
    settings = model.spec.config.sampling
    assert model.describe_sampling(settings) == {"code": "student", "count": 4}
    assert pair(jumps=1).describe_sampling(settings) == {"code": "student_once"}
    assert "unipc, 8 steps, guidance 1.6" in model.describe()[1]


def test_short_schedules_are_walked_whole(pair: MakePair) -> None:
    short = ("diffusion.num_steps=5", "sampling.steps=4")
    model = pair(*short, teacher=short)
    assert len(model.teacher_levels) == 5 and model.jumps.t.tolist() == [4, 3, 2, 1]
    assert model.training_step(IMAGES, None, 1)["loss"].isfinite()


def test_pictures_never_touch_the_training(pair: MakePair) -> None:
    watched, unwatched = pair(classes=3), pair(classes=3)
    for step, model in itertools.product((1, 2), (watched, unwatched)):
        model.training_step(IMAGES, LABELS, step)
        if model is watched:
            drawn(model, [0, 1], [0, 1])
            model.heldout_loss(IMAGES, LABELS)
    assert same(watched.state(), unwatched.state())


# --- drift: the last steps compare images with real ones ---------------------------------------------


def drifting(pair: MakePair, *overrides: str, drift: float = 1.0, **more: Any) -> Student:
    """A student whose steps all drift, of four in all."""
    student = pair("training.steps=4", "training.learning_rate=1e-3", *overrides, **more)
    config = replace(student.spec.config, student=replace(student.spec.config.student, drift=drift))
    student.set_total_steps(config)
    return student


def test_jumps_come_first_from_a_quarter_of_the_batch_then_the_drift(
    pair: MakePair, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = drifting(pair, drift=0.5, jumps=2)
    seen: list[str] = []
    jumps, drifts = model._jump_batch, model._drift_step
    monkeypatch.setattr(
        model, "_jump_batch", lambda count, *rest: seen.append(f"{count}") or jumps(count, *rest)
    )
    monkeypatch.setattr(model, "_drift_step", lambda *rest: seen.append("drift") or drifts(*rest))
    for step in range(1, 5):
        model.training_step(IMAGES.repeat(2, 1, 1, 1), None, step)
    assert seen == ["2", "2", "drift", "drift"]  # 2 trajectories of 2 jumps: 4 of 16 images


def test_a_drifting_step_moves_images_toward_the_real_ones(pair: MakePair) -> None:
    """All real images are white: the student's own become brighter, step by step."""
    model = drifting(pair, "training.steps=30", "training.ema=0.5", jumps=1)
    white = torch.ones(16, 1, 8, 8)
    before = drawn(model, list(range(8)), None).mean()
    for step in range(1, 31):
        model.training_step(white, None, step)
    assert float(drawn(model, list(range(8)), None).mean()) > float(before) + 0.1


def test_the_real_images_are_those_of_the_same_class(pair: MakePair) -> None:
    """Class 0 is white, class 1 black, class 2 absent."""
    model = drifting(pair, "training.steps=40", "training.ema=0.5", jumps=1, classes=3)
    images = torch.cat([torch.ones(8, 1, 8, 8), -torch.ones(8, 1, 8, 8)])
    labels = torch.tensor([0] * 8 + [1] * 8)
    for step in range(1, 41):
        model.training_step(images, labels, step)
    seeds = list(range(6))
    bright, dark = (float(drawn(model, seeds, [label] * 6).mean()) for label in (0, 1))
    assert bright > dark + 0.1


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (("diffusion.objective=x0", "diffusion.learned_variance=true"), "jump"),
        (("diffusion.objective=edm", "diffusion.schedule=edm"), "image"),
        (("network.kind=dit", "network.depth=2"), "jump"),
        (("network.kind=edm2",), "jump"),
        (("network.self_conditioning=true",), "jump"),
        (("diffusion.weighting=learned",), "jump"),
    ],
)
def test_every_kind_of_student_can_drift(
    pair: MakePair, kind: tuple[str, ...], target: str
) -> None:
    model = drifting(pair, *kind, teacher=kind, jumps=2, classes=3)
    student = replace(model.spec.config.student, target=target)
    model.set_total_steps(replace(model.spec.config, student=student))
    assert model.teacher is not None
    known, ours = weights(model.teacher), weights(model.ddpm)
    losses = model.training_step(IMAGES.repeat(2, 1, 1, 1), LABELS.repeat(2), 1)
    assert losses["loss"].isfinite() and losses["gradient_norm"] > 0
    assert torch.equal(weights(model.teacher), known) and not torch.equal(weights(model.ddpm), ours)


def test_a_drifting_step_leaves_no_gradient_in_a_teacher_that_could_be_trained(
    pair: MakePair,
) -> None:
    model = drifting(pair, teacher=("training.ema=0",), jumps=1)
    assert model.teacher is not None
    network = model.teacher.averaged.network
    assert all(p.requires_grad for p in network.parameters())
    model.training_step(IMAGES, None, 1)
    assert all(p.grad is None for p in network.parameters())


def test_drifting_steps_are_part_of_the_forecast(pair: MakePair) -> None:
    plain, mixed = drifting(pair, drift=0, jumps=2), drifting(pair, drift=0.5, jumps=2)
    jump, drift = (
        3 + 8 / 2,
        2 * (2 + 4) + 4,
    )  # forward passes, for each image of the teacher's batch
    assert plain.mean_step_ratio == 1
    assert mixed.mean_step_ratio == pytest.approx((jump + drift) / 2 / jump)
    assert drifting(pair, drift=1, jumps=2).mean_step_ratio == 1  # all steps are alike


def test_a_drifting_student_compares_whole_batches(pair: MakePair) -> None:
    model = drifting(pair, jumps=1)
    with pytest.raises(RequestError, match=r"training\.accumulate=1 .*student\.drift=0"):
        check(with_training(model.spec.config, accumulate=2))


def test_a_drift_taken_up_again_goes_on_in_the_same_bits(
    pair: MakePair, stored: Callable[[State], State]
) -> None:
    whole, again = (drifting(pair, jumps=2, classes=3, drift=0.5) for _ in range(2))
    images = torch.linspace(-1, 1, 16 * 64).reshape(16, 1, 8, 8)
    for step in (1, 2, 3):
        whole.training_step(images, LABELS.repeat(2), step)
    again.load_state(stored(whole.state()))
    losses = [model.training_step(images, LABELS.repeat(2), 4)["loss"] for model in (whole, again)]
    assert torch.equal(*losses) and same(whole.state(), again.state())


# --- consistency: the image at every step, fresh noise between them (LCM) ---------------------------


def consistent(pair: MakePair) -> Student:
    student = pair()
    config = replace(student.spec.config, student=StudentConfig(4, target="image"))
    student.spec = student.spec.with_config(config)
    return student


def test_a_consistency_student_learns_the_trajectorys_end_at_every_step(pair: MakePair) -> None:
    plain, student = pair(), consistent(pair)
    one, other = (s._jump_batch(2, None, generator_for(0, "test")) for s in (plain, student))
    assert torch.equal(one.x, other.x) and torch.equal(one.t, other.t)
    ends = other.target.unflatten(0, (4, 2))
    assert all(torch.equal(end, ends[3]) for end in ends)
    torch.testing.assert_close(
        one.target.unflatten(0, (4, 2))[3], ends[3]
    )  # the last jump ends there
    assert student.training_step(IMAGES, None, 1)["loss"].isfinite()


def test_a_consistency_student_draws_with_fresh_noise_between_its_steps(pair: MakePair) -> None:
    student = consistent(pair)
    frames = list(student.trajectory([3, 5], None, student.spec.config.sampling))
    noise = ImageNoise([3, 5], (1, 8, 8))
    noise()  # the start
    for i, frame in enumerate(frames[1:-1], 1):
        signal, sigma = float(student.jumps.signal[i]), float(student.jumps.sigma[i])
        torch.testing.assert_close(frame.x, signal * frame.x0 + sigma * noise())
    assert torch.equal(frames[-1].x, frames[-1].x0)
