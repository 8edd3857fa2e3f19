"""Rules on the log of a run: rising losses, warnings of the training, memorization."""

from __future__ import annotations

import pytest

from ddpm.commands.doctor.rules import run_rules
from ddpm.messages import FIXES, message, sentence
from tests.commands.doctor.example_cases import case, falling, turning


def test_a_log_that_went_up_and_came_down_again_is_healthy() -> None:
    spike = falling(200) + [{"step": 200 + i, "loss": 2.0} for i in range(1, 101)]
    assert run_rules(case(rows=spike)) != []
    recovered = spike + [{"step": 300 + i, "loss": 0.1} for i in range(1, 301)]
    assert run_rules(case(rows=recovered)) == []


def test_what_the_watch_of_the_training_said_is_repeated() -> None:
    warning = message("memorization_copies", share=0.2)
    found = run_rules(case(rows=[*falling(), {"step": 400, "warning": warning}]))
    assert [(f.problem, f.fix) for f in found] == [
        (f"At step 400 {sentence(warning)}.", FIXES["memorization_copies"])
    ]
    assert "20% of the images sampled are copies" in found[0].problem


@pytest.mark.parametrize(
    ("held_out", "looked_at", "pairs", "severities"),
    [
        (19, None, 0, []),  # 19 noisy losses say nothing
        (20, None, 0, ["serious"]),
        (60, 20, 60, []),  # the watch looked last, and did not warn
        (60, 20, 19, ["serious"]),  # at too few
        (60, 12, 60, ["serious"]),  # before the rise
    ],
)
def test_a_risen_held_out_loss_is_believed_where_nothing_better_is_known(
    held_out: int, looked_at: int | None, pairs: int, severities: list[str]
) -> None:
    look = {"step": looked_at, "heldout_gap_pairs": pairs, "heldout_gap_z": 0.3, "copies": 0.0}
    rows = turning() + ([] if looked_at is None else [look])
    found = run_rules(case(data={"held_out": held_out}, rows=rows))
    assert [finding.severity for finding in found] == severities


def test_a_step_without_memory_is_no_reason_for_a_lower_rate() -> None:
    fault, change = message("out_of_memory", step=7), message("half_rate")
    warning = message("training_recovered", fault=fault, step=5, change=change)
    assert run_rules(case(rows=[*falling(), {"step": 401, "warning": warning}])) == []
