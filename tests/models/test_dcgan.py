"""A DCGAN: its losses against their formulas, who learns from which, and what a step depends on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from ddpm.config import Config, SamplingConfig, with_overrides
from ddpm.messages import sentence
from ddpm.models import dcgan
from ddpm.models.dcgan import Dcgan, discriminator_loss, diversity, generator_loss
from ddpm.models.spec import ModelSpec
from ddpm.optim.state import State
from ddpm.presets import get_preset
from ddpm.randomness import generator_for
from ddpm.training.collapse import CollapseWatch

SMALL = (
    "model=dcgan",
    "data.labels=false",
    "gan.latent=6",
    "gan.channels=4",
    "training.optimizer=adam",
    "training.learning_rate=1e-3",
    "training.betas=[0.5, 0.999]",
    "training.batch_size=8",
    "training.steps=20",
    "training.warmup=0",
    "training.precision=fp32",
)
IMAGES = torch.rand(8, 1, 14, 14, generator=torch.Generator().manual_seed(0)) * 2 - 1
DRAW = SamplingConfig()


def small(*overrides: str, channels: int = 1, size: int = 14) -> Dcgan:
    config = with_overrides(Config(), [*SMALL, *overrides])
    return Dcgan(ModelSpec(config, (channels, size, size), (0.0,) * channels, 0.6))


def train(model: Dcgan, steps: range, images: Tensor = IMAGES) -> None:
    for step in steps:
        model.training_step(images, None, step)


def same(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(
        one[stem].keys() == other[stem].keys()
        and all(torch.equal(tensor, other[stem][name]) for name, tensor in one[stem].items())
        for stem in one
    )


def copied(state: State) -> State:
    return {stem: {k: t.detach().clone() for k, t in part.items()} for stem, part in state.items()}


def drawn(model: Dcgan, seeds: range | list[int]) -> Tensor:
    [frame] = model.trajectory(list(seeds), None, DRAW)
    assert frame.remaining == 0 and frame.log_snr == math.inf and torch.equal(frame.x, frame.x0)
    return frame.x


def awake(*overrides: str) -> Dcgan:
    """A model whose first weights are large enough to make images that differ."""
    model = small(*overrides)
    with torch.no_grad():
        for parameter in (
            *model.generator.network.parameters(),
            *model.discriminator.network.parameters(),
        ):
            parameter.mul_(8)
    model.load_state({"weights": copied(model.state())["weights"]})
    return model


# --- losses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_the_discriminators_loss_is_the_cross_entropy_by_hand(smoothing: float) -> None:
    real, fake = torch.tensor([2.0, -1.0, 0.0]), torch.tensor([0.5, -3.0])
    d, g = real.sigmoid(), fake.sigmoid()
    on_real = -((1 - smoothing) * d.log() + smoothing * (1 - d).log()).mean()
    on_fake = -(1 - g).log().mean()
    torch.testing.assert_close(discriminator_loss(real, fake, smoothing), on_real + on_fake)


def test_a_discriminator_that_cannot_tell_loses_two_bits_in_nats() -> None:
    nothing = torch.zeros(5)
    assert discriminator_loss(nothing, nothing, 0).item() == pytest.approx(2 * math.log(2))
    assert generator_loss(nothing).item() == pytest.approx(math.log(2))


def test_the_generators_loss_does_not_saturate() -> None:
    lost = torch.tensor(
        [-40.0], requires_grad=True
    )  # the discriminator is sure that it is generated
    loss = generator_loss(lost)
    loss.backward()
    assert loss.item() == pytest.approx(40) and lost.grad is not None
    assert lost.grad.item() == pytest.approx(-1)


def test_a_step_reports_both_losses_of_its_own_batch() -> None:
    model = small()
    generator = generator_for(0, "step", 7)
    latents = torch.randn((8, 6), generator=generator)
    fake = model.generator.network.train()(latents).detach()
    on_real, on_fake = model.discriminator.network(IMAGES), model.discriminator.network(fake)
    losses = small().training_step(IMAGES, None, 7)
    torch.testing.assert_close(
        losses["discriminator_loss"], discriminator_loss(on_real, on_fake, 0.1).detach()
    )
    torch.testing.assert_close(losses["real_score"], on_real.sigmoid().mean().detach())
    torch.testing.assert_close(losses["fake_score"], on_fake.sigmoid().mean().detach())
    torch.testing.assert_close(losses["diversity"], diversity(fake, IMAGES))
    # the generator meets the discriminator as it is after its own update
    after = small()
    after.discriminator.network.load_state_dict(
        _discriminator_after_one_step(on_real_images=IMAGES)
    )
    torch.testing.assert_close(
        losses["generator_loss"], generator_loss(after.discriminator.network(fake)).detach()
    )
    assert next(iter(losses)) == "generator_loss"  # of the network that draws


def _discriminator_after_one_step(on_real_images: Tensor) -> dict[str, Tensor]:
    """Step 7 of the discriminator by torch's plain Adam."""
    model = small()
    latents = torch.randn((8, 6), generator=generator_for(0, "step", 7))
    fake = model.generator.network.train()(latents).detach()
    optimizer = torch.optim.Adam(model.discriminator.network.parameters(), 1e-3, (0.5, 0.999))
    discriminator_loss(
        model.discriminator.network(on_real_images), model.discriminator.network(fake), 0.1
    ).backward()
    for group in optimizer.param_groups:
        group["lr"] = 1e-3 * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * 7 / 20)))
    optimizer.step()
    return model.discriminator.network.state_dict()


# --- diversity -------------------------------------------------------------------------------------


def test_diversity_is_a_ratio_of_distances_to_the_nearest() -> None:
    real = torch.tensor([0.0, 1.0, 3.0, 7.0]).view(4, 1, 1, 1)  # nearest: 1, 1, 2, 4
    images = torch.tensor([0.0, 0.5, 1.0, 1.5]).view(4, 1, 1, 1)  # nearest: 0.5 each
    assert diversity(images, real).item() == pytest.approx(0.5 / 2)
    assert diversity(real, real).item() == pytest.approx(1)


def test_copies_of_a_few_images_have_no_diversity() -> None:
    few = IMAGES[:3].repeat_interleave(11, dim=0)
    real = torch.rand(33, 1, 14, 14, generator=torch.Generator().manual_seed(1)) * 2 - 1
    assert diversity(few, real).item() < 0.01
    assert diversity(real, few * 0).item() == 1  # real images that are all alike say nothing


# --- who learns ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "other"), [("generator", "discriminator"), ("discriminator", "generator")]
)
def test_a_loss_moves_its_own_network_alone(name: str, other: str) -> None:
    model = small()
    before = copied(model.state())["weights"]
    fake = model.generator.network(torch.randn(8, 6))
    model.learners[name].descend(model.discriminator.network(fake).square().sum(), 1)
    after = model.state()["weights"]
    for key, tensor in before.items():
        if key.endswith("weight"):
            assert torch.equal(tensor, after[key]) == key.startswith(other)
    assert all(parameter.grad is None for parameter in model.learners[other].network.parameters())
    assert {key.split(".")[0] for key in model.state()["optimizer"]} == {name}


def test_both_networks_learn_in_a_step() -> None:
    model = small()
    before = copied(model.state())["weights"]
    train(model, range(1, 2))
    for key, tensor in model.state()["weights"].items():
        assert not torch.equal(tensor, before[key]), key


@pytest.mark.parametrize("clip", [0.001, 0.0])
def test_each_networks_gradient_is_clipped_by_itself(clip: float) -> None:
    model = small(f"training.clip={clip}")
    train(model, range(1, 2))
    for name in ("generator", "discriminator"):
        moments = [t for key, t in model.state()["optimizer"].items() if key.startswith(name) and key.endswith("exp_avg")]  # fmt: skip  # noqa: E501
        norm = math.sqrt(sum(float(m.square().sum()) for m in moments)) / (1 - 0.5)
        assert norm == pytest.approx(0.001, rel=1e-3) if clip else norm > 0.002


def test_it_learns_to_draw_a_flat_grey() -> None:
    model = small("training.steps=150", "training.learning_rate=5e-3", "training.ema=0.9")
    images = (0.5 + 0.05 * IMAGES).repeat(2, 1, 1, 1)
    train(model, range(1, 151), images)
    assert abs(float(drawn(model, range(8)).mean()) - 0.5) < 0.15


def test_bfloat16_learns_nearly_the_same() -> None:
    exact, rough = small(), small("training.precision=bf16")
    one, other = (model.training_step(IMAGES, None, 1) for model in (exact, rough))
    for name in ("generator_loss", "discriminator_loss"):
        assert other[name].dtype == torch.float32 and not torch.equal(one[name], other[name])
        torch.testing.assert_close(one[name], other[name], rtol=0.05, atol=0)


# --- what a step depends on ------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_three_steps_and_three_more_are_six_bit_for_bit(
    stored: Callable[[State], State], optimizer: str, precision: str
) -> None:
    overrides = (f"training.optimizer={optimizer}", f"training.precision={precision}")
    whole, first, second = (small(*overrides) for _ in range(3))
    train(whole, range(1, 7))
    train(first, range(1, 4))
    torch.manual_seed(99)  # whatever else draws in between
    second.load_state(stored(first.state()))
    train(second, range(4, 7))
    assert same(second.state(), whole.state())


def test_a_step_depends_on_the_seed_and_its_number() -> None:
    def loss(step: int, *overrides: str) -> float:
        return float(small(*overrides).training_step(IMAGES, None, step)["generator_loss"])

    assert loss(1) == loss(1)
    assert len({loss(1), loss(2), loss(1, "training.seed=1")}) == 3


def test_held_out_images_and_previews_leave_training_alone() -> None:
    asked, unasked = small(), small()
    for step in range(1, 4):
        asked.training_step(IMAGES, None, step)
        one, again = (asked.heldout_loss(IMAGES, None)["real_score"] for _ in range(2))
        assert torch.equal(one, again)
        drawn(asked, range(3))
        unasked.training_step(IMAGES, None, step)
    assert same(asked.state(), unasked.state())


def test_the_held_out_score_is_the_training_score_on_other_images() -> None:
    model = small("training.batch_size=4")
    scores = [model.discriminator.network(part).sigmoid().detach() for part in IMAGES.chunk(2)]
    found = model.heldout_loss(IMAGES, None)["real_score"]
    torch.testing.assert_close(found, torch.cat(scores).mean())
    assert 0 < model.heldout_loss(IMAGES[:1], None)["real_score"] < 1


# --- drawing ---------------------------------------------------------------------------------------


def test_an_image_comes_from_its_seed_alone() -> None:
    model = awake()
    images = drawn(model, range(6))
    assert images.shape == (6, 1, 14, 14) and images.abs().max() <= 1
    assert images.flatten(1).unique(dim=0).shape[0] == 6
    for chunk in ([3], [5, 3, 0], [3, 3]):
        for image, seed in zip(drawn(model, chunk), chunk, strict=True):
            torch.testing.assert_close(image, images[seed])


def test_settings_do_not_matter_and_the_words_say_so() -> None:
    model = awake()
    other = replace(DRAW, sampler="ddim", steps=3, guidance=2.0)
    [frame] = model.trajectory([1], None, other)
    assert torch.equal(frame.x, drawn(model, [1]))
    assert (
        model.describe_sampling(DRAW)
        == model.describe_sampling(other)
        == {"code": "generator_pass"}
    )


def test_it_draws_with_the_average_and_its_statistics() -> None:
    model = awake("training.ema=0.9")
    before = drawn(model, [0, 1])
    with torch.no_grad():
        for tensor in model.generator.network.state_dict().values():
            tensor.add_(1)
    assert torch.equal(drawn(model, [0, 1]), before)
    model.generator.ema.update(1)
    assert not torch.equal(drawn(model, [0, 1]), before)
    assert any(name.endswith("running_var") for name in model.state()["ema"])


def test_without_averaging_it_draws_with_the_generator_and_goes_on_training() -> None:
    model = small("training.ema=0")
    train(model, range(1, 3))
    drawn(model, [0])
    before = model.state()["weights"]["generator.layers.1.running_mean"].clone()
    train(model, range(3, 4))  # in training mode again: statistics move
    assert not torch.equal(model.state()["weights"]["generator.layers.1.running_mean"], before)


# --- state -----------------------------------------------------------------------------------------


def test_the_state_holds_both_networks_and_both_optimizers_under_their_names() -> None:
    model = small()
    train(model, range(1, 4))
    state = model.state()
    assert set(state) == {"ema", "weights", "optimizer"}
    for part in state.values():
        assert {name.split(".")[0] for name in part} == {"generator", "discriminator"}
    assert state["ema"].keys() == state["weights"].keys()
    averages = {f"generator.{name}" for name, _ in model.generator.network.named_parameters()}
    for name, tensor in state["ema"].items():
        averaged = name in averages
        assert torch.equal(tensor, state["weights"][name]) != averaged, name


@pytest.mark.parametrize("stem", ["ema", "weights"])
def test_weights_alone_serve_for_both(stored: Callable[[State], State], stem: str) -> None:
    trained, fresh = small(), small("training.seed=1")
    train(trained, range(1, 4))
    given = stored(trained.state())[stem]
    kept = {name: tensor.clone() for name, tensor in given.items()}
    fresh.load_state({stem: given})
    for found in (fresh.state()["ema"], fresh.state()["weights"]):
        assert all(torch.equal(tensor, given[name]) for name, tensor in found.items())
    train(fresh, range(1, 2))
    assert all(torch.equal(tensor, given[name]) for name, tensor in kept.items())  # copied


def test_weights_of_another_network_are_refused(small_ddpm: Callable[..., nn.Module]) -> None:
    for other in (small("gan.channels=8"), small_ddpm()):
        with pytest.raises(RuntimeError):
            small().load_state({"ema": other.state()["ema"]})
    with pytest.raises(RuntimeError, match="Missing key"):
        small().load_state({})


def test_it_says_what_it_is() -> None:
    model = Dcgan(ModelSpec(get_preset("dcgan-anime").config, (3, 64, 64), (0.0,) * 3, 0.6))
    assert model.parameter_counts() == {"generator": 3_576_704, "discriminator": 2_765_568}
    first, second = model.describe()
    assert "generator 3.58, discriminator 2.77 million" in first
    assert "100 latent numbers → 4x4 → 8x8 → 16x16 → 32x32 → 64x64" in second and "0.9" in second


# --- collapse --------------------------------------------------------------------------------------


def watched(model: Dcgan, steps: int) -> list[str]:
    """What the watch says of a training on images that differ."""
    source = torch.Generator().manual_seed(0)
    watch, told = CollapseWatch(), []
    for step in range(1, steps + 1):
        images = torch.rand(8, 1, 8, 8, generator=source) * 2 - 1
        row = {k: float(v) for k, v in model.training_step(images, None, step).items()}
        told += [sentence(line["warning"]) for line in watch({"step": step, **row})]
    return told


def test_a_generator_that_ignores_its_latents_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ddpm.training.collapse.GRACE_STEPS", 20)
    model, real = small(size=8), torch.randn
    monkeypatch.setattr(
        dcgan.torch, "randn", lambda shape, **options: real((1, shape[1]), **options).expand(shape)
    )
    told = watched(model, 130)
    assert any("the generator has collapsed" in words for words in told)


def test_a_generator_as_diverse_as_the_data_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ddpm.training.collapse.GRACE_STEPS", 20)
    model = small("training.learning_rate=0", size=8)
    with torch.no_grad():
        for parameter in model.generator.network.parameters():
            parameter.mul_(30)
    assert watched(model, 130) == []
