"""Learning: Algorithm 1 against its closed form, and what a step may depend on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ddpm.config import Config, with_overrides
from ddpm.diffusion.objectives import OBJECTIVES, make_objective
from ddpm.diffusion.schedules import SCHEDULES, make_schedule
from ddpm.diffusion.timesteps import TIME_SAMPLINGS, draw_times
from ddpm.errors import RequestError
from ddpm.models.ddpm import Ddpm
from ddpm.optim.state import State
from ddpm.randomness import generator_for

Make = Callable[..., Ddpm]
STEPS = 20  # diffusion.num_steps of the small model
IMAGES = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
LABELS = torch.arange(8) % 2
BUSY = ("network.dropout=0.3", "network.attention=4", "training.accumulate=2", "training.warmup=4")


def allowed(schedule: str, objective: str) -> bool:
    pair = [f"diffusion.schedule={schedule}", f"diffusion.objective={objective}"]
    try:
        with_overrides(Config(), pair)
    except RequestError:
        return False
    return True


ALL = list(itertools.product(SCHEDULES, OBJECTIVES))
PAIRS = [pair for pair in ALL if allowed(*pair)]


def same(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(
        one[stem].keys() == other[stem].keys()
        and all(torch.equal(tensor, other[stem][name]) for name, tensor in one[stem].items())
        for stem in one
    )


def train(model: Ddpm, steps: range, labels: Tensor | None = None) -> None:
    for step in steps:
        model.training_step(IMAGES, labels, step)


def weights(model: Ddpm) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.network.parameters()])


# --- Algorithm 1 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sampling", TIME_SAMPLINGS)
@pytest.mark.parametrize("objective", ["noise", "x0", "v"])
def test_a_silent_network_s_loss_is_the_mean_square_of_its_target(
    small_ddpm: Make, objective: str, sampling: str
) -> None:
    model = small_ddpm(f"diffusion.objective={objective}", f"diffusion.time_sampling={sampling}")
    losses = model.training_step(IMAGES, None, 7)
    generator = generator_for(0, "step", 7)
    t = draw_times(sampling, model.schedule, 8, generator)
    noise = torch.randn(IMAGES.shape, generator=generator)
    alpha_bar = model.schedule.alpha_bars[t].view(-1, 1, 1, 1).float()
    targets = {
        "noise": noise,
        "x0": IMAGES,
        "v": alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * IMAGES,
    }
    per_image = targets[objective].square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(losses["loss"], per_image.mean())
    for quarter in range(4):
        inside = per_image[(t >= 5 * quarter) & (t < 5 * quarter + 5)]
        found = losses["loss_levels"][quarter]
        torch.testing.assert_close(found, inside.mean(), equal_nan=True)


def test_weighting_reaches_the_loss(small_ddpm: Make) -> None:
    model = small_ddpm("diffusion.objective=noise", "diffusion.weighting=min-snr")
    loss = model.training_step(IMAGES, None, 1)["loss"]
    generator = generator_for(0, "step", 1)
    t = draw_times("stratified", model.schedule, 8, generator)
    noise = torch.randn(IMAGES.shape, generator=generator)
    snr = model.schedule.snr[t].float()
    expected = (snr.clamp(max=5) / snr * noise.square().mean(dim=(1, 2, 3))).mean()
    torch.testing.assert_close(loss, expected)


def test_the_levels_weighted_mean_is_the_loss(small_ddpm: Make) -> None:
    model = small_ddpm("diffusion.time_sampling=uniform", awake=True)
    losses = model.training_step(IMAGES, None, 3)
    t = draw_times("uniform", model.schedule, 8, generator_for(0, "step", 3))
    counts = torch.bincount(t * 4 // STEPS, minlength=4)
    total = (losses["loss_levels"].nan_to_num() * counts).sum()
    torch.testing.assert_close(total / 8, losses["loss"])
    assert torch.equal(losses["loss_levels"].isnan(), counts == 0)


def test_bands_are_counted_without_a_look_at_the_device(
    small_ddpm: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, t = torch.rand(64, generator=torch.Generator().manual_seed(1)), torch.arange(64) % 15
    band = t * 4 // STEPS  # no t falls into the last one
    sums = torch.zeros(4).index_add_(0, band, losses)
    expected = sums / torch.bincount(band, minlength=4)

    def reading(*arguments: object, **options: object) -> None:
        raise AssertionError("bincount waits for a graphics card")

    monkeypatch.setattr(torch, "bincount", reading)
    found = small_ddpm().loss_summary(losses, t)["loss_levels"]
    assert found[:3].tolist() == expected[:3].tolist()  # the very bits
    assert expected[3].isnan() and found[3].isnan()


@pytest.mark.parametrize(("schedule", "objective"), PAIRS)
def test_every_allowed_pair_learns_and_draws(
    small_ddpm: Make, schedule: str, objective: str
) -> None:
    model = small_ddpm(
        f"diffusion.schedule={schedule}", f"diffusion.objective={objective}", channels=3
    )
    images = IMAGES.expand(8, 3, 8, 8)
    before = weights(model)
    for step in (1, 2):
        assert model.training_step(images, None, step)["loss"].isfinite()
    assert not torch.equal(weights(model), before)
    *_, last = model.trajectory([0, 1], None, model.spec.config.sampling)
    assert last.x.shape == (2, 3, 8, 8) and last.x.abs().max() <= 1 + 1e-4


@pytest.mark.parametrize("pair", sorted(set(ALL) - set(PAIRS)), ids="-".join)
def test_pairs_the_configuration_refuses_are_those_the_mathematics_refuses(
    pair: tuple[str, str],
) -> None:
    with pytest.raises(ValueError, match="choose"):
        make_objective(pair[1], make_schedule(pair[0], 10), torch.zeros(1), 0.5)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_learned_variance_trains_and_is_drawn_with(small_ddpm: Make, schedule: str) -> None:
    overrides = (f"diffusion.schedule={schedule}", "diffusion.learned_variance=true")
    model, plain = small_ddpm(*overrides), small_ddpm(overrides[0])
    hybrid = model.training_step(IMAGES, None, 1)["loss"]
    assert hybrid > plain.training_step(IMAGES, None, 1)["loss"]  # a bound in bits is added
    train(model, range(2, 5))
    settings = with_overrides(model.spec.config, ["sampling.sampler=ancestral"]).sampling
    _, variance = model.denoiser(None, settings)(IMAGES, torch.full((8,), 10))
    assert variance is not None and variance.shape == IMAGES.shape
    assert not torch.allclose(variance, torch.full_like(variance, 0.5))  # half way at the start
    *_, last = model.trajectory([0, 1], None, settings)
    assert last.x.isfinite().all()


def test_bfloat16_learns_nearly_the_same(small_ddpm: Make) -> None:
    exact, rough = small_ddpm(awake=True), small_ddpm("training.precision=bf16", awake=True)
    exact.load_state({"ema": exact.state()["ema"]})  # the network itself awake too
    rough.load_state({"ema": exact.state()["ema"]})
    one = exact.training_step(IMAGES, None, 1)["loss"]
    other = rough.training_step(IMAGES, None, 1)["loss"]
    assert other.dtype == torch.float32 and not torch.equal(one, other)
    torch.testing.assert_close(one, other, rtol=0.05, atol=0)


def test_it_learns_a_set_of_one_flat_image(small_ddpm: Make) -> None:
    model = small_ddpm(
        "training.learning_rate=0.01", "training.optimizer=adam", "training.steps=60"
    )
    images = torch.full((16, 1, 8, 8), 0.5)
    losses = [float(model.training_step(images, None, step)["loss"]) for step in range(1, 61)]
    assert sum(losses[-5:]) < 0.2 * sum(losses[:5])
    *_, last = model.trajectory([0, 1, 2, 3], None, model.spec.config.sampling)
    assert abs(float(last.x.mean()) - 0.5) < 0.1
    assert float((last.x - 0.5).abs().mean()) < 0.15


# --- what a step depends on ------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon"])
def test_three_steps_and_three_more_are_six_bit_for_bit(
    small_ddpm: Make, stored: Callable[[State], State], optimizer: str
) -> None:
    overrides = (*BUSY, f"training.optimizer={optimizer}", "training.weight_decay=0.1")
    whole, first, second = (small_ddpm(*overrides, classes=2) for _ in range(3))
    train(whole, range(1, 7), LABELS)
    train(first, range(1, 4), LABELS)
    torch.manual_seed(99)  # whatever else draws in between
    second.load_state(stored(first.state()))
    train(second, range(4, 7), LABELS)
    assert same(second.state(), whole.state())


def test_a_step_depends_on_the_seed_and_its_number(small_ddpm: Make) -> None:
    def loss(step: int, *overrides: str) -> float:
        return float(small_ddpm(*overrides).training_step(IMAGES, None, step)["loss"])

    assert loss(1) == loss(1)
    assert len({loss(1), loss(2), loss(1, "training.seed=1")}) == 3


def test_the_first_weights_depend_on_the_seed_alone(small_ddpm: Make) -> None:
    torch.manual_seed(1)
    one = weights(small_ddpm())
    after = torch.rand(1)
    torch.manual_seed(1)
    torch.testing.assert_close(torch.rand(1), after)  # the global stream was not touched
    assert torch.equal(one, weights(small_ddpm()))
    assert not torch.equal(one, weights(small_ddpm("training.seed=1")))


@pytest.mark.parametrize("accumulate", [2, 3, 8])
def test_accumulated_micro_batches_are_one_large_batch(small_ddpm: Make, accumulate: int) -> None:
    whole = small_ddpm(classes=2)
    parts = small_ddpm(f"training.accumulate={accumulate}", classes=2)
    before = weights(whole)
    for step in (1, 2):
        one, other = (model.training_step(IMAGES, LABELS, step) for model in (whole, parts))
        torch.testing.assert_close(one["loss"], other["loss"])
        torch.testing.assert_close(one["loss_levels"], other["loss_levels"], equal_nan=True)
    moved = (weights(whole) - before).norm()
    assert (weights(whole) - weights(parts)).norm() < 1e-3 * moved


def test_a_batch_may_be_smaller_than_its_micro_batches(small_ddpm: Make) -> None:
    model = small_ddpm("training.accumulate=8")
    assert model.training_step(IMAGES[:3], None, 1)["loss"].isfinite()


def test_the_gradient_s_norm_is_clipped(small_ddpm: Make) -> None:
    for clip, clipped in (("0.01", True), ("0", False)):
        model = small_ddpm(f"training.clip={clip}", "training.optimizer=adam")
        model.training_step(IMAGES, None, 1)
        moments = [t for name, t in model.state()["optimizer"].items() if name.endswith("exp_avg")]
        norm = math.sqrt(sum(float(m.square().sum()) for m in moments)) / (1 - 0.9)
        assert norm == pytest.approx(0.01, rel=1e-3) if clipped else norm > 0.02


def test_the_total_decides_the_learning_rate(small_ddpm: Make) -> None:
    model = small_ddpm("training.decay=linear", "training.learning_rate=0.1")
    model.training_step(IMAGES, None, 20)  # the last
    assert model.learner.optimizer.param_groups[0]["lr"] == pytest.approx(0.001)
    model.set_total_steps(with_overrides(model.spec.config, ["training.steps=40"]))
    model.training_step(IMAGES, None, 20)  # half way
    assert model.learner.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * (0.01 + 0.99 / 2))


# --- labels ----------------------------------------------------------------------------------------


def test_labels_are_hidden_as_often_as_asked(small_ddpm: Make) -> None:
    def loss(labels: Tensor | None, hidden: float) -> Tensor:
        model = small_ddpm(f"network.label_dropout={hidden}", classes=2, awake=True)
        model.load_state({"ema": model.state()["ema"]})
        return model.training_step(IMAGES, labels, 1)["loss"]

    assert torch.equal(loss(LABELS, 1), loss(1 - LABELS, 1))
    assert torch.equal(loss(LABELS, 1), loss(None, 0))  # hidden is "no label", not some class
    assert not torch.equal(loss(LABELS, 0), loss(1 - LABELS, 0))


def test_a_network_without_classes_does_not_look_at_labels(small_ddpm: Make) -> None:
    one, other = small_ddpm(), small_ddpm()
    assert torch.equal(
        one.training_step(IMAGES, LABELS, 1)["loss"], other.training_step(IMAGES, None, 1)["loss"]
    )


# --- the held-out loss -----------------------------------------------------------------------------


def test_heldout_loss_in_closed_form(small_ddpm: Make) -> None:
    model = small_ddpm(
        "diffusion.objective=noise", "training.batch_size=3", "training.accumulate=1"
    )
    losses = model.heldout_loss(IMAGES[:4], None)
    noise = torch.randn(4, 1, 8, 8, generator=generator_for(0, "heldout"))
    per_image = noise.square().mean(dim=(1, 2, 3))  # t = 2, 7, 12, 17: one in each quarter
    torch.testing.assert_close(losses["loss"], per_image.mean())
    torch.testing.assert_close(losses["loss_levels"], per_image)


def test_heldout_loss_is_fixed_and_leaves_training_alone(small_ddpm: Make) -> None:
    asked, unasked = (small_ddpm("network.dropout=0.3", classes=2) for _ in range(2))
    for step in range(1, 4):
        asked.training_step(IMAGES, LABELS, step)
        one, again = (asked.heldout_loss(IMAGES, LABELS)["loss"] for _ in range(2))
        assert torch.equal(one, again)
        unasked.training_step(IMAGES, LABELS, step)
    assert same(asked.state(), unasked.state())


def test_heldout_loss_is_the_average_s(small_ddpm: Make) -> None:
    model = small_ddpm("training.ema=0.9", awake=True)
    before = model.heldout_loss(IMAGES, None)["loss"]
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.normal_()
    assert torch.equal(model.heldout_loss(IMAGES, None)["loss"], before)
    model.learner.ema.update(1)
    assert not torch.equal(model.heldout_loss(IMAGES, None)["loss"], before)


# --- state -----------------------------------------------------------------------------------------


def test_state_holds_raw_and_averaged_weights(small_ddpm: Make) -> None:
    for decay, differ in ((0.9, True), (0.0, False)):
        model = small_ddpm(f"training.ema={decay}")
        train(model, range(1, 4))
        state = model.state()
        assert set(state) == {"ema", "weights", "optimizer"}
        equal = [torch.equal(t, state["weights"][name]) for name, t in state["ema"].items()]
        assert all(equal) != differ


@pytest.mark.parametrize("stem", ["ema", "weights"])
def test_weights_alone_serve_for_both(
    small_ddpm: Make, stored: Callable[[State], State], stem: str
) -> None:
    trained, fresh = small_ddpm(), small_ddpm()
    train(trained, range(1, 4))
    given = stored(trained.state())[stem]
    kept = {name: tensor.clone() for name, tensor in given.items()}
    fresh.load_state({stem: given})
    for found in (fresh.state()["ema"], fresh.state()["weights"]):
        assert all(torch.equal(tensor, given[name]) for name, tensor in found.items())
    train(fresh, range(1, 2))
    assert all(torch.equal(tensor, given[name]) for name, tensor in kept.items())  # copied


def test_weights_of_another_network_are_refused(small_ddpm: Make) -> None:
    with pytest.raises(RuntimeError, match="size mismatch"):
        small_ddpm().load_state({"ema": small_ddpm("network.channels=16").state()["ema"]})
    with pytest.raises(RuntimeError, match="Missing key"):
        small_ddpm().load_state({})


def test_attention_that_falls_on_no_level_is_named(small_ddpm: Make) -> None:
    def named(*overrides: str) -> list[str]:
        return [line for line in small_ddpm(*overrides).describe() if "attention" in line]

    assert named("network.attention=[8, 99]") == named() == []
    [line] = named("network.attention=[99]")
    assert "99" in line and "8, 4" in line
