"""The table of the doctor's rules.

To add a rule, write a function from a `Case` to a `Finding` or None, add it to `RULES` (worst first), and add
an example to `tests/commands/doctor/test_rules.py`.
"""

from __future__ import annotations

from ddpm.commands.doctor.case import Case, Finding, Rule
from ddpm.commands.doctor.data_rules import (
    batch_exceeds_data,
    broken_files,
    duplicates,
    gray_images_in_color,
    little_contrast,
    many_passes,
    mirrored_writing,
    needless_dropout,
    resized_images,
)
from ddpm.commands.doctor.log_rules import (
    collapse,
    discriminator_memorization,
    divergence,
    memorization,
    non_finite_value,
)
from ddpm.commands.doctor.settings_rules import (
    attention_at_no_level,
    ema_longer_than_run,
    emulated_bf16,
    few_sampling_steps,
    fp16_precision,
    gan_momentum,
    guidance_without_label_dropout,
    guidance_without_labels,
    learning_rate,
    no_checkpoints,
    no_previews,
    remaining_signal,
    short_warmup_of_inverse_sqrt,
    small_batch,
    strong_offset_noise,
    too_few_steps,
    unused_network_settings,
    warmup_too_long,
)

RULES: tuple[Rule, ...] = (
    fp16_precision,
    non_finite_value,
    divergence,
    collapse,
    remaining_signal,
    mirrored_writing,
    learning_rate,
    gray_images_in_color,
    little_contrast,
    resized_images,
    duplicates,
    memorization,
    discriminator_memorization,
    warmup_too_long,
    guidance_without_label_dropout,
    guidance_without_labels,
    too_few_steps,
    ema_longer_than_run,
    short_warmup_of_inverse_sqrt,
    attention_at_no_level,
    unused_network_settings,
    strong_offset_noise,
    few_sampling_steps,
    small_batch,
    batch_exceeds_data,
    many_passes,
    needless_dropout,
    emulated_bf16,
    gan_momentum,
    broken_files,
    no_checkpoints,
    no_previews,
)


def run_rules(case: Case) -> list[Finding]:
    """Return the findings of all rules, serious ones first, otherwise in the table's order."""
    found = [finding for rule in RULES if (finding := rule(case)) is not None]
    return sorted(found, key=lambda finding: finding.severity != "serious")
