"""Rules on the settings alone."""

from __future__ import annotations

import math

from ddpm.commands.doctor.case import Case, Finding
from ddpm.data.dataset import parse_size
from ddpm.diffusion.schedules import make_schedule
from ddpm.models import setup_warnings
from ddpm.networks.unet import level_sides

FEW_STEPS = 100
SMALL_BATCH = 16
LEAST_SAMPLING = {  # steps below which a sampler's images are visibly unfinished
    "ancestral": 100,
    "ddim": 20,
    "heun": 10,
    "dpm++2m": 8,
    "dpm++2m-sde": 12,
    "unipc": 6,
}


def half_precision(case: Case) -> Finding | None:
    if not case.half:
        return None
    return Finding(
        "serious",
        "fp16 is asked for.",
        "--set training.precision=auto",
        "Gradients leave fp16's narrow range and become NaN: the commonest end of a diffusion training. "
        "auto takes bf16 where the hardware multiplies in it, else fp32.",
    )


def signal_left(case: Case) -> Finding | None:
    if not case.diffusion:
        return None
    diffusion = case.config.diffusion
    schedule = make_schedule(diffusion.schedule, diffusion.num_steps)
    left = setup_warnings.signal_left(schedule)
    if left <= setup_warnings.SIGNAL_LEFT:
        return None
    return Finding(
        "serious",
        f"{left:.1%} of the signal is left at the last of {diffusion.num_steps} steps "
        f"({diffusion.schedule}).",
        "--set diffusion.schedule=cosine --set diffusion.num_steps=1000",
        "Drawing starts from pure noise, which the network has never seen: expect washed-out images.",
    )


def learning_rate(case: Case) -> Finding | None:
    training = case.training
    usual, high = (1e-2, 3e-2) if training.optimizer == "muon" else (4e-4, 4e-3)
    most = high * math.sqrt(min(training.batch_size, 256) / 64)
    rate = training.learning_rate
    if usual / 50 <= rate <= most:
        return None
    much = rate > most
    return Finding(
        "serious",
        f"A learning rate of {rate:g} is too {'high' if much else 'low'} for {training.optimizer} in "
        f"batches of {training.batch_size}.",
        f"--set training.learning_rate={min(usual, most / 2):.2g}",
        "Muon's rates are ten to thirty times those of Adam, since its updates are scaled. A smaller "
        "batch bears less, about as its square root (Malladi et al. 2022)."
        if much
        else "It would hardly move the weights within the run.",
    )


def warmup_too_long(case: Case) -> Finding | None:
    if case.steps is None or case.training.warmup <= case.steps / 2:
        return None
    return Finding(
        "serious",
        f"The warm-up takes {case.training.warmup} of {case.steps} steps.",
        f"--set training.warmup={case.steps // 20}",
        "The learning rate is still rising when the run is half over, or never gets up at all.",
    )


def guidance_untrained(case: Case) -> Finding | None:
    config, learns = case.config, case.learns_labels
    if not case.diffusion or config.sampling.guidance == 1 or not learns:
        return None
    if config.network.label_dropout > 0 or config.sampling.guide:
        return None
    return Finding(
        "serious",
        "Guidance is on, but no label is ever hidden in training.",
        "--set network.label_dropout=0.1",
        "Guidance compares with the model that knows no label (Ho & Salimans 2022); it is untrained.",
    )


def guidance_without_labels(case: Case) -> Finding | None:
    config, learns = case.config, case.learns_labels
    if not case.diffusion or config.sampling.guidance == 1 or learns or config.sampling.guide:
        return None
    return Finding(
        "note",
        "Guidance is on, but no labels are learned; it will do nothing.",
        "--set sampling.guidance=1, or put each class into a folder of its own with --set data.labels=true",
        "There is nothing to guide towards.",
    )


def too_few_steps(case: Case) -> Finding | None:
    if case.steps is None or case.config.family.is_distilled:  # which begins as its teacher
        return None
    passes = case.passes
    once = passes is None or passes >= 1
    if case.steps >= FEW_STEPS and once:
        return None
    seen = "" if passes is None else f", {passes:.2f} passes over the images"
    return Finding(
        "serious" if case.steps < FEW_STEPS else "note",
        f"{case.steps} steps of {case.training.batch_size} images are few{seen}.",
        "more steps; ddpm plan says how many fit the time there is",
        "Every image should be seen once, and no optimizer gets anywhere in less than some hundred steps.",
    )


def ema_longer_than_run(case: Case) -> Finding | None:
    decay = case.training.ema
    if case.steps is None or not decay or 1 / (1 - decay) <= case.steps:
        return None
    return Finding(
        "note",
        f"The weight average (ema {decay:g}) looks back {1 / (1 - decay):,.0f} steps, longer than the "
        f"run of {case.steps:,}.",
        f"--set training.ema={max(0.0, 1 - 10 / case.steps):.4g}",
        "A tenth of the run is what serves. Its warm-up keeps the random start out, but the decay asked "
        "for never acts.",
    )


def attention_nowhere(case: Case) -> Finding | None:
    network = case.config.network
    size = parse_size(case.data.get("size", case.config.data.size))
    if not case.diffusion or not network.attention or size is None:
        return None
    sides = level_sides(size, len(network.multipliers), network.patch)
    if set(sides) & set(network.attention):
        return None
    return Finding(
        "note",
        f"network.attention={list(network.attention)} falls on no level: their sides are "
        f"{', '.join(map(str, sides))}.",
        f"--set network.attention=[{next((s for s in sides if s <= 16), sides[-1])}]",
        "The network has no attention at all, so distant parts of an image are matched less well.",
    )


def few_sampling_steps(case: Case) -> Finding | None:
    sampling = case.config.sampling
    least = LEAST_SAMPLING.get(sampling.sampler, 1)
    if not case.diffusion or sampling.steps >= least:
        return None
    return Finding(
        "note",
        f"{sampling.steps} steps are few for {sampling.sampler}.",
        f"--set sampling.steps={2 * least}",
        "The images come out unfinished, however well the network is trained.",
    )


def small_batch(case: Case) -> Finding | None:
    if case.training.batch_size >= SMALL_BATCH:
        return None
    return Finding(
        "note",
        f"Batches of {case.training.batch_size} make noisy gradients.",
        "--set training.batch_size=32 (and training.accumulate where memory is short)",
        "Each image comes at one random noise level, so a small batch sees few of them.",
    )


def emulated_bf16(case: Case) -> Finding | None:
    if not case.emulated:
        return None
    return Finding(
        "note",
        "bf16 is asked for, but this device does not multiply in it.",
        "--set training.precision=auto",
        "It is emulated, which is slower than fp32 and less exact.",
    )


def gan_momentum(case: Case) -> Finding | None:
    if not case.config.family.is_adversarial or case.training.betas[0] <= 0.6:
        return None
    return Finding(
        "note",
        f"Adam's first beta is {case.training.betas[0]:g} in a DCGAN.",
        "--set training.betas=[0.5,0.999]",
        "With more momentum the two networks swing around each other (Radford et al. 2015, section 4).",
    )


def rare_checkpoints(case: Case) -> Finding | None:
    if case.steps is None or case.training.checkpoint_every <= case.steps:
        return None
    return Finding(
        "note",
        f"A checkpoint every {case.training.checkpoint_every} steps never comes in {case.steps}.",
        f"--set training.checkpoint_every={max(1, case.steps // 10)}",
        "If the machine goes down, everything is lost.",
    )


def no_previews(case: Case) -> Finding | None:
    if case.steps is None or case.training.preview_every <= case.steps:
        return None
    return Finding(
        "note",
        f"A preview every {case.training.preview_every} steps never comes in {case.steps}.",
        f"--set training.preview_every={max(1, case.steps // 10)}",
        "What goes wrong shows in the images long before it shows in the loss.",
    )
