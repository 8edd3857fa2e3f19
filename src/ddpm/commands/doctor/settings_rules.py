"""Rules on the settings."""

from __future__ import annotations

import math

from ddpm.commands.doctor.case import Case, Finding
from ddpm.data.dataset import parse_size
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.diffusion.schedules import make_schedule
from ddpm.models import setup_warnings
from ddpm.networks.kinds import NETWORKS, unused_settings
from ddpm.networks.unet import level_sides
from ddpm.presets import PRESETS

FEW_STEPS = 100
SMALL_BATCH = 16
MIN_INVERSE_SQRT_WARMUP = 50  # steps
STRONG_OFFSET_NOISE = 0.2


def fp16_precision(case: Case) -> Finding | None:
    if not case.requests_fp16:
        return None
    return Finding(
        "serious",
        "training.precision is fp16.",
        "--set training.precision=auto",
        "Gradients overflow fp16's narrow range and become NaN, the most common failure of diffusion "
        "training. auto uses bf16 if the hardware supports it, else fp32.",
    )


def remaining_signal(case: Case) -> Finding | None:
    if not case.is_diffusion:
        return None
    diffusion = case.config.diffusion
    schedule = make_schedule(diffusion.schedule, diffusion.num_steps, **diffusion.betas)
    left = setup_warnings.terminal_ratio(schedule)
    if left <= setup_warnings.MAX_TERMINAL_RATIO:
        return None
    return Finding(
        "serious",
        f"{left:.1%} of the signal remains at the last of {diffusion.num_steps} timesteps "
        f"({diffusion.schedule} schedule).",
        "--set diffusion.schedule=cosine --set diffusion.num_steps=1000",
        "Sampling starts from pure noise, which the network never sees in training: images look washed out.",
    )


def learning_rate(case: Case) -> Finding | None:
    training = case.training
    usual, high = (1e-2, 3e-2) if training.optimizer == "muon" else (4e-4, 4e-3)
    most = high * math.sqrt(min(training.batch_size, 256) / 64)
    rate = training.learning_rate
    if usual / 50 <= rate <= most:
        return None
    too_high = rate > most
    return Finding(
        "serious",
        f"A learning rate of {rate:g} is too {'high' if too_high else 'low'} for {training.optimizer} and "
        f"batches of {training.batch_size}.",
        f"--set training.learning_rate={min(usual, most / 2):.2g}",
        "Muon's rates are ten to thirty times those of Adam, since its updates are scaled. The "
        "highest stable rate grows with the square root of the batch size (Malladi et al. 2022)."
        if too_high
        else "The weights would hardly change within the run.",
    )


def warmup_too_long(case: Case) -> Finding | None:
    if case.steps is None or case.training.warmup <= case.steps / 2:
        return None
    return Finding(
        "serious",
        f"The warm-up takes {case.training.warmup} of {case.steps} steps.",
        f"--set training.warmup={case.steps // 20}",
        "The learning rate rises for more than half of the run, or never reaches the set value.",
    )


def guidance_without_label_dropout(case: Case) -> Finding | None:
    config, learns = case.config, case.learns_labels
    if not case.is_diffusion or config.sampling.guidance == 1 or not learns:
        return None
    by_guide_alone = config.sampling.guide != "" and config.sampling.guide_scale == 0
    if config.network.label_dropout > 0 or by_guide_alone:
        return None
    return Finding(
        "serious",
        "Guidance is on, but training never drops a label.",
        "--set network.label_dropout=0.1",
        "Guidance needs the unconditional model (Ho & Salimans 2022), which is then untrained.",
    )


def guidance_without_labels(case: Case) -> Finding | None:
    config, learns = case.config, case.learns_labels
    if not case.is_diffusion or config.sampling.guidance == 1 or learns or config.sampling.guide:
        return None
    return Finding(
        "note",
        "Guidance is on but has no effect, since the model learns no labels.",
        "--set sampling.guidance=1, or put each class into its own folder and --set data.labels=true",
        "There is no label to guide toward.",
    )


def too_few_steps(case: Case) -> Finding | None:
    # a student starts from its teacher's weights and needs few steps
    if case.steps is None or case.config.family.has_teacher:
        return None
    passes = case.passes
    once = passes is None or passes >= 1
    if case.steps >= FEW_STEPS and once:
        return None
    seen = "" if passes is None else f", {passes:.2f} passes over the images"
    return Finding(
        "serious" if case.steps < FEW_STEPS else "note",
        f"{case.steps} steps of {case.training.batch_size} images are few{seen}.",
        "train for more steps (ddpm plan says how many fit a time)",
        "Training should use every image at least once and take several hundred steps.",
    )


def ema_longer_than_run(case: Case) -> Finding | None:
    decay = case.training.ema
    if case.steps is None or not decay or 1 / (1 - decay) <= case.steps:
        return None
    return Finding(
        "note",
        f"The weight average (ema {decay:g}) covers {1 / (1 - decay):,.0f} steps, more than the "
        f"{case.steps:,} steps of the run.",
        f"--set training.ema={max(0.0, 1 - 10 / case.steps):.4g}",
        "An average over a tenth of the run works well. Its warm-up excludes the random initial weights, but "
        "its decay never reaches the set value.",
    )


def attention_at_no_level(case: Case) -> Finding | None:
    network = case.config.network
    size = parse_size(case.data.get("size", case.config.data.size))
    attends = network.attention and "attention" in NETWORKS[network.kind].settings
    if not case.is_diffusion or not attends or size is None:
        return None
    sides = level_sides(size, len(network.multipliers), network.patch)
    if set(sides) & set(network.attention):
        return None
    return Finding(
        "note",
        f"network.attention={list(network.attention)} matches no level of the network; their sides are "
        f"{', '.join(map(str, sides))}.",
        f"--set network.attention=[{next((s for s in sides if s <= 16), sides[-1])}]",
        "The network then has no attention, and distant parts of an image fit together less well.",
    )


def unused_network_settings(case: Case) -> Finding | None:
    preset = PRESETS.get(case.config.preset)
    if not case.is_diffusion or preset is None:
        return None
    network, usual = case.config.network, preset.config_for(case.config.scale).network
    unused = sorted(
        f"network.{name}"
        for name in unused_settings(network.kind)
        if getattr(network, name) != getattr(usual, name)
    )
    if not unused:
        return None
    return Finding(
        "note",
        f"network.kind={network.kind} does not use {', '.join(unused)}.",
        "remove these settings, or choose another network.kind",
        f"It uses {', '.join(NETWORKS[network.kind].settings)}.",
    )


def short_warmup_of_inverse_sqrt(case: Case) -> Finding | None:
    training = case.training
    if training.decay != "inverse-sqrt" or training.warmup >= MIN_INVERSE_SQRT_WARMUP:
        return None
    return Finding(
        "serious",
        f"training.decay=inverse-sqrt starts to fall after a warm-up of {training.warmup} steps.",
        "--set training.warmup=200",
        "At step n the rate is the highest one times the root of warmup / n: after a short warm-up it is "
        "small at once.",
    )


def strong_offset_noise(case: Case) -> Finding | None:
    offset = case.config.diffusion.offset_noise
    if not case.is_diffusion or offset <= STRONG_OFFSET_NOISE:
        return None
    return Finding(
        "note",
        f"diffusion.offset_noise is {offset:g}.",
        f"--set diffusion.offset_noise={STRONG_OFFSET_NOISE:g}",
        "Sampling starts from noise without an offset. The larger the offset is, the more rarely training "
        "shows such noise.",
    )


def few_sampling_steps(case: Case) -> Finding | None:
    sampling = case.config.sampling
    least = SAMPLERS[sampling.sampler].min_steps
    if not case.is_diffusion or sampling.steps >= least:
        return None
    return Finding(
        "note",
        f"{sampling.steps} steps are few for {sampling.sampler}.",
        f"--set sampling.steps={2 * least}",
        "Images look unfinished, however well the network is trained.",
    )


def small_batch(case: Case) -> Finding | None:
    if case.training.batch_size >= SMALL_BATCH:
        return None
    return Finding(
        "note",
        f"Batches of {case.training.batch_size} make noisy gradients.",
        "--set training.batch_size=32 (and training.accumulate if memory is short)",
        "Each image gets one random noise level, so a small batch covers few levels.",
    )


def emulated_bf16(case: Case) -> Finding | None:
    if not case.emulates_bf16:
        return None
    return Finding(
        "note",
        "training.precision is bf16, which this device does not support.",
        "--set training.precision=auto",
        "It is emulated, which is slower and less precise than fp32.",
    )


def gan_momentum(case: Case) -> Finding | None:
    if not case.config.family.is_adversarial or case.training.betas[0] <= 0.6:
        return None
    return Finding(
        "note",
        f"Adam's first beta is {case.training.betas[0]:g} for a DCGAN.",
        "--set training.betas=[0.5,0.999]",
        "With more momentum the two networks oscillate (Radford et al. 2015, section 4).",
    )


def no_checkpoints(case: Case) -> Finding | None:
    if case.steps is None or case.training.checkpoint_every <= case.steps:
        return None
    return Finding(
        "note",
        f"The run ends at step {case.steps}, before its first checkpoint (step "
        f"{case.training.checkpoint_every}).",
        f"--set training.checkpoint_every={max(1, case.steps // 10)}",
        "If the machine stops, all work is lost.",
    )


def no_previews(case: Case) -> Finding | None:
    if case.steps is None or case.training.preview_every <= case.steps:
        return None
    return Finding(
        "note",
        f"The run ends at step {case.steps}, before its first preview (step {case.training.preview_every}).",
        f"--set training.preview_every={max(1, case.steps // 10)}",
        "Problems show in the images long before they show in the loss.",
    )
