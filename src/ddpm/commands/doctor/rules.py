"""The table of the doctor's rules.

To add a rule, write a function from a `Case` to a `Finding` or None, add it to `RULES` (worst first), and add
its case to `tests/commands/doctor/test_rules.py`.
"""

from __future__ import annotations

from ddpm.commands.doctor.case import Case, Finding, Rule
from ddpm.commands.doctor.data_rules import (
    batch_exceeds_data,
    broken_files,
    duplicates,
    gray_in_color,
    idle_dropout,
    many_passes,
    mirrored_writing,
)
from ddpm.commands.doctor.log_rules import (
    collapse,
    discriminator_memorization,
    divergence,
    memorization,
    not_finite,
)
from ddpm.commands.doctor.settings_rules import (
    attention_without_level,
    ema_longer_than_run,
    emulated_bf16,
    few_sampling_steps,
    gan_momentum,
    guidance_untrained,
    guidance_without_labels,
    half_precision,
    learning_rate,
    no_previews,
    rare_checkpoints,
    remaining_signal,
    small_batch,
    too_few_steps,
    warmup_too_long,
)

RULES: tuple[Rule, ...] = (
    half_precision,
    not_finite,
    divergence,
    collapse,
    remaining_signal,
    mirrored_writing,
    learning_rate,
    gray_in_color,
    duplicates,
    memorization,
    discriminator_memorization,
    warmup_too_long,
    guidance_untrained,
    guidance_without_labels,
    too_few_steps,
    ema_longer_than_run,
    attention_without_level,
    few_sampling_steps,
    small_batch,
    batch_exceeds_data,
    many_passes,
    idle_dropout,
    emulated_bf16,
    gan_momentum,
    broken_files,
    rare_checkpoints,
    no_previews,
)


def run_rules(case: Case) -> list[Finding]:
    """Return the findings of all rules, serious ones first, otherwise in the table's order."""
    found = [finding for rule in RULES if (finding := rule(case)) is not None]
    return sorted(found, key=lambda finding: finding.severity != "serious")
