"""The doctor's rules, one table.

To add one: a function from a `Case` to a `Finding` or None in the module it belongs to, a row here, the
worse the earlier, and its case in `tests/commands/doctor/test_rules.py`.
"""

from __future__ import annotations

from ddpm.commands.doctor.case import Case, Finding, Rule
from ddpm.commands.doctor.data_rules import (
    batch_exceeds_data,
    broken_files,
    duplicates,
    flips_on_writing,
    grey_in_color,
    idle_dropout,
    many_passes,
)
from ddpm.commands.doctor.log_rules import (
    collapse,
    divergence,
    known_by_heart,
    memorization,
    numbers_lost,
)
from ddpm.commands.doctor.settings_rules import (
    attention_nowhere,
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
    signal_left,
    small_batch,
    too_few_steps,
    warmup_too_long,
)

RULES: tuple[Rule, ...] = (
    half_precision,
    numbers_lost,
    divergence,
    collapse,
    signal_left,
    flips_on_writing,
    learning_rate,
    grey_in_color,
    duplicates,
    memorization,
    known_by_heart,
    warmup_too_long,
    guidance_untrained,
    guidance_without_labels,
    too_few_steps,
    ema_longer_than_run,
    attention_nowhere,
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


def findings(case: Case) -> list[Finding]:
    """What every rule finds, the serious first, else in the table's order."""
    found = [finding for rule in RULES if (finding := rule(case)) is not None]
    return sorted(found, key=lambda finding: finding.severity != "serious")
